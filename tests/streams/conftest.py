"""A bench for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.definition_files import default_definition
from tests.streams.builders import Bench, quick_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = quick_bench(tmp_path, default_definition())
    yield bench
    bench.close()
