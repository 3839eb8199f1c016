"""`journey dead-letters set-aside`: going on, embedded, without a record that can't be placed for an error of ours."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from journey.errors import FAILED_EXIT
from tests.app.command import here, put, refused, touch
from tests.poison import POISON, poisoned

LINES = [touch(id="1"), touch("demo", id="2"), touch(id=POISON, subject="user:8"), touch(id="4", subject="user:9")]
ASIDE = ("dead-letters", "set-aside", "--partition", "0", "--offset")


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder whose log has a record that can't be placed, at offset 3."""
    put(tmp_path / "in.jsonl", *LINES)
    put(tmp_path / "good.jsonl", *LINES[:2], LINES[3])
    with poisoned():
        ran = here("ingest", "in.jsonl", cwd=tmp_path)
    assert (ran.status, ran.raw) == (FAILED_EXIT, b"")
    # What went wrong, for us, and then one line for the user.
    _, *trace, told = ran.err.splitlines()
    assert trace[0].startswith("Traceback")
    assert told.startswith("journey: the log in journey-data: placing partition 0 offsets 1 to 4 ended in Bug: poison")
    assert f"offset 3 (in.jsonl:3; {len(LINES[2])} bytes, SHA-256 {sha256(LINES[2]).hexdigest()})" in told
    assert "`journey dead-letters set-aside --partition 0 --offset 3 --reason WHY --data journey-data` goes on without it" in told
    return tmp_path


def digest(cwd: Path, *arguments: str) -> Any:
    found = here("digest", "--json", *arguments, cwd=cwd).json
    return found["marketing"], found["sales"]


def digest_of(cwd: Path, file: str) -> Any:
    here("ingest", file, "--data", file + ".data", cwd=cwd)
    return digest(cwd, "--data", file + ".data")


def test_it_goes_on_without_and_sent_again_after_the_mend_all_is_in(stopped: Path) -> None:
    with poisoned():
        assert here("ingest", "good.jsonl", cwd=stopped).status == FAILED_EXIT
        done = here(*ASIDE, "3", "--reason", "bug 77", "--actor", "ann", "--json", cwd=stopped).json
        assert done == {
            "partition": 0, "offset": 3, "place": "in.jsonl:3", "bytes": len(LINES[2]), "sha256": sha256(LINES[2]).hexdigest(),
            "changed": True,
        }  # fmt: skip
        assert here("ingest", "in.jsonl", cwd=stopped).status == FAILED_EXIT, "sent once more, it is another record"
        assert here(*ASIDE, "7", "--reason", "bug 77", cwd=stopped).status == 0
        assert digest(stopped) == digest_of(stopped, "good.jsonl")
    (letter,) = here("dead-letters", "--json", cwd=stopped).json["dead_letters"]
    assert (letter["code"], letter["reason"], letter["state"], letter["seen"]) == ("set-aside", "bug 77", "open", 2)
    assert here("dead-letters", "show", "1", "--raw", cwd=stopped).raw == LINES[2]
    assert here("dead-letters", "requeue", "1", "--json", cwd=stopped).json["in"] == 1
    assert digest(stopped) == digest_of(stopped, "in.jsonl")
    first, _ = here("audit", "--action", "set-aside", "--json", cwd=stopped).json["decisions"]
    assert (first["actor"], first["reason"], first["detail"]["offset"]) == ("ann", "bug 77", 3)
    assert "in.jsonl:3, offset 3 of partition 0, sha256 " in here("audit", cwd=stopped).out


def test_sent_again_before_the_mend_it_is_named_again_and_set_aside_again_it_is_the_same_letter(stopped: Path) -> None:
    with poisoned():
        assert here(*ASIDE, "3", "--reason", "bug 77", cwd=stopped).status == 0
        assert here("dead-letters", "requeue", "1", cwd=stopped).status == FAILED_EXIT
        assert here(*ASIDE, "5", "--reason", "still there", cwd=stopped).status == 0
    (letter,) = here("dead-letters", "--json", cwd=stopped).json["dead_letters"]
    assert (letter["number"], letter["state"], letter["reason"]) == (1, "open", "still there")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--partition 0 --offset 3 --reason=", "why? --reason says it"),
        ("--partition 1 --offset 3 --reason x", "the log has no partition 1; it has 0"),
        ("--partition 0 --offset 2 --reason x", "offset 2 of partition 0 is placed already, as is all up to 2; to take back what it said"),
        ("--partition 0 --offset 5 --reason x", "partition 0 has nothing at offset 5 yet"),
    ],
)
def test_what_can_not_be_set_aside_is_refused_in_one_line(stopped: Path, arguments: str, told: str) -> None:
    assert refused(here("dead-letters", "set-aside", *arguments.split(), cwd=stopped)).startswith(told)
    assert here("audit", "--action", "set-aside", "--json", cwd=stopped).json["decisions"] == []


def test_who_decides_and_why_are_text(stopped: Path) -> None:
    told = refused(here(*ASIDE, "3", "--reason", "\udcff", cwd=stopped))
    assert told == r"'\udcff' is not UTF-8; rename it, or write it in UTF-8"
