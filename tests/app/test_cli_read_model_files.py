"""A read model whose file was taken away or damaged: the file and the cure are named, and the cure is one, since it is derived again."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.app.command import here, put, refused, touch


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    put(
        tmp_path / "in.jsonl",
        *(touch(id=str(number), subject=f"user:{number}", url=f"https://shop.example/{number}") for number in range(400)),
    )
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    return tmp_path


def damage(path: Path, how: str) -> None:
    match how:
        case "taken away":
            path.unlink()
        case "emptied":
            path.write_bytes(b"")
        case "garbage":
            path.write_bytes(b"no database " * 1_000)
        case "cut":
            os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
        case "written over":
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * (path.stat().st_size - 4096))


def digests(folder: Path) -> Any:
    found = here("digest", "--json", cwd=folder).json
    return {name: found[name] for name in ("marketing", "sales", "record")}


DAMAGES = ["taken away", "emptied", "garbage", "cut", "written over"]


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("model", ["marketing", "sales"])
def test_who_reads_is_told_which_file_it_is_and_the_cure_works(shop: Path, model: str, how: str) -> None:
    before = digests(shop)
    damage(shop / "journey-data" / f"{model}.db", how)
    for question in (f"report {model}", "digest"):
        told = refused(here(*question.split(), cwd=shop))
        assert str(shop / "journey-data" / f"{model}.db") in told
        assert f"`journey rebuild {model}` derives it again, and nothing is lost" in told
    assert here("rebuild", model, cwd=shop).status == 0
    assert digests(shop) == before


@pytest.mark.parametrize("how", ["taken away", "emptied", "garbage"])
def test_the_next_command_that_writes_derives_it_again_too(shop: Path, how: str) -> None:
    before = digests(shop)
    damage(shop / "journey-data" / "marketing.db", how)
    (shop / "journey-data" / "marketing.db-wal").write_bytes(b"of the one that is gone")
    assert here("ingest", "in.jsonl", cwd=shop).status == 0
    assert digests(shop) == before


def test_damage_that_is_met_while_writing_says_the_cure(shop: Path) -> None:
    damage(shop / "journey-data" / "sales.db", "written over")
    put(shop / "more.jsonl", touch(id="more"))
    told = here("ingest", "more.jsonl", cwd=shop)
    if told.status:
        assert "`journey rebuild sales`" in refused(told)
    assert here("rebuild", "sales", cwd=shop).status == 0
    assert here("reconcile", cwd=shop).status == 0
