"""A folder of embedded data is its user's alone, whatever the umask says and whoever made it."""

import os
import stat
from pathlib import Path

import pytest

from tests.app.command import here, journey, put, refused, touch


def rights(folder: Path) -> dict[str, str]:
    """Of the folder, and of every file in it."""
    found = {".": folder, **{path.name: path for path in folder.iterdir()}}
    return {name: oct(stat.S_IMODE(path.stat().st_mode)) for name, path in found.items()}


def alone(folder: Path) -> dict[str, str]:
    return {name: "0o700" if name == "." else "0o600" for name in rights(folder)}


def with_umask(umask: str) -> tuple[str, ...]:
    return ("bash", "-c", f'umask {umask}; exec "$@"', "_")


@pytest.mark.parametrize("umask", ["000", "022", "277"])
@pytest.mark.parametrize("arguments", ["ingest in.jsonl --data made", "demo --customers 3 --data made"])
def test_what_is_made_is_closed_to_others(tmp_path: Path, umask: str, arguments: str) -> None:
    put(tmp_path / "in.jsonl", touch())
    ran = journey(*arguments.split(), cwd=tmp_path, before=with_umask(umask))
    assert ran.status == 0, ran.err
    assert rights(tmp_path / "made") == alone(tmp_path / "made")
    assert {"journey.db", "marketing.db", "sales.db", "journey.lock"} <= rights(tmp_path / "made").keys()


def test_what_sqlite_makes_beside_its_databases_is_closed_too(desk: Path) -> None:
    from app.engine.embedded import opened, reading

    with opened(desk / "journey-data"), reading(desk / "journey-data"):
        found = rights(desk / "journey-data")
    assert "journey.db-wal" in found
    assert found == dict.fromkeys(found, "0o600") | {".": "0o700"}


def test_data_of_an_older_version_is_closed_when_it_is_written_and_that_is_said(desk: Path) -> None:
    data = desk / "journey-data"
    for path in data.iterdir():
        path.chmod(0o644)
    data.chmod(0o755)
    ran = here("ingest", "in.jsonl", cwd=desk)
    assert (ran.status, "journey-data was open to other users" in ran.err) == (0, True)
    assert rights(data) == alone(data)
    assert "open to other users" not in here("ingest", "in.jsonl", cwd=desk).err


def test_a_folder_made_for_us_is_closed_and_one_that_holds_other_things_stays(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch())
    for name in ("empty", "shared"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "shared" / "letter.txt").touch(mode=0o644)
    for name in ("empty", "shared"):
        assert here("ingest", "in.jsonl", "--data", name, cwd=tmp_path).status == 0
    assert rights(tmp_path / "empty") == alone(tmp_path / "empty")
    assert rights(tmp_path / "shared") == alone(tmp_path / "shared") | {".": "0o755", "letter.txt": "0o644"}


@pytest.mark.parametrize("name", ["journey.lock", "journey.db", "marketing.db-wal"])
def test_a_link_under_the_name_of_one_of_our_files_is_not_followed(tmp_path: Path, name: str) -> None:
    put(tmp_path / "in.jsonl", touch())
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).symlink_to(tmp_path / "precious")
    assert f"{name} is no file of ours" in refused(here("ingest", "in.jsonl", "--data", "data", cwd=tmp_path))
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_pipe_under_the_name_of_one_of_our_files_is_refused_at_once(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch())
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "journey.lock")
    assert "journey.lock is no file of ours" in refused(here("ingest", "in.jsonl", "--data", "data", cwd=tmp_path))
