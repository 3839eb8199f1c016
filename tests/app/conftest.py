"""A desk with simulated touchpoints on it, made once; each test has a copy to do with as it likes."""

from pathlib import Path
from shutil import copytree

import pytest

from tests.app.command import here


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the touchpoints of 150 customers in `in.jsonl`, and taken in."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "in.jsonl").write_bytes(here("simulate", "--customers", "150", "--seed", "3", cwd=folder).raw)
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


@pytest.fixture
def desk(filled: Path, tmp_path: Path) -> Path:
    return copytree(filled, tmp_path, dirs_exist_ok=True)
