"""`journey imports` and `journey retract`: a bad import is taken back, and the record is as if it had never come."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.engine.clock import now
from app.engine.embedded import Embedded
from schemas.incoming import Incoming
from streams.sqlite.database import connect, migrate
from streams.sqlite.record import MIGRATIONS
from tests.app.command import here, put, refused, touch

GOOD = [touch(id="1"), touch("demo", id="2"), touch(id="3", subject="user:9")]
BAD = [touch("order_placed", id="9"), touch("form_submitted", id="8", subject="anon:x", intent="demo"), GOOD[0], b"{broken"]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder into which a good file and a bad one came: imports 2 and 3."""
    put(tmp_path / "good.jsonl", *GOOD)
    put(tmp_path / "bad.jsonl", *BAD)
    for file in ("good.jsonl", "bad.jsonl"):
        assert here("ingest", file, cwd=tmp_path).status == 0
    return tmp_path


def digest(cwd: Path, *arguments: str) -> Any:
    found = here("digest", "--json", *arguments, cwd=cwd).json
    return {name: found[name] for name in ("marketing", "sales", "record")}


def only(cwd: Path, *files: str) -> Any:
    data = ("--data", "only-" + "-".join(files))
    here("ingest", *files, *data, cwd=cwd)
    return digest(cwd, *data)


def test_what_is_left_is_what_a_record_without_it_holds_and_what_was_known_stays(desk: Path) -> None:
    both = digest(desk)
    tried = here("retract", "--import", "3", "--dry-run", "--json", cwd=desk).json
    counts = {"touchpoints": 2, "others_too": 1, "people": 2, "deals": 0, "dead_letters": 1, "open_again": 0}
    assert tried == {"import": 3, "id": tried["id"], "changed": False, **counts}
    assert digest(desk) == both
    before = here("report", "marketing", "--known-at", "3", "--until", "2026-06-01", "--json", cwd=desk).json
    done = here("retract", "--import", "3", "--reason", "last year's file", "--actor", "ann", "--json", cwd=desk).json
    assert {name: done[name] for name in counts} == counts
    assert (done["changed"], done["marketing"]["before"], done["marketing"]["after"]) == (
        True,
        both["marketing"],
        digest(desk)["marketing"],
    )
    assert digest(desk) == only(desk, "good.jsonl")
    assert here("report", "marketing", "--known-at", "3", "--until", "2026-06-01", "--json", cwd=desk).json == before
    assert here("dead-letters", cwd=desk).out == "no dead letters that are open (1 dismissed)\n"
    assert here("dead-letters", "--state", "requeued", cwd=desk).out == "no dead letters that are requeued (1 dismissed)\n"
    here("rebuild", "all", cwd=desk)
    assert digest(desk) == only(desk, "good.jsonl")
    assert here("reconcile", cwd=desk).status == 0
    again = here("retract", "--import", "3", "--reason", "again", cwd=desk)
    assert (again.status, again.out) == (0, "")
    assert "import 3 was retracted already, by ann at " in again.err
    assert digest(desk) == only(desk, "good.jsonl")


def test_the_same_file_counts_again_as_another_import(desk: Path) -> None:
    both = digest(desk)
    here("retract", "--import", "3", "--reason", "too early", cwd=desk)
    assert here("ingest", "bad.jsonl", "--json", cwd=desk).json["accepted"] == 2
    assert digest(desk) == both
    assert here("dead-letters", "--state", "open", "--json", cwd=desk).json["dead_letters"]


def test_all_imports_are_listed_with_what_became_of_them_and_audit_says_who(desk: Path) -> None:
    here("retract", "--import", "2", "--reason", "of another shop", cwd=desk)
    first, second = here("imports", "--json", cwd=desk).json["imports"]
    assert (first["number"], first["state"], first["files"], first["read_as"], first["read"], first["accepted"]) == (
        2, "retracted", ["good.jsonl"], "cloudevents", 3, 3,
    )  # fmt: skip
    assert [second[name] for name in ("number", "state", "read", "accepted", "duplicates", "dead_letters")] == [3, "whole", 4, 2, 1, 1]
    out = here("imports", cwd=desk).out
    assert "cloudevents · bad.jsonl" in out
    assert here("imports", "--limit", "1", "--json", cwd=desk).json["more"] is True
    bytes = (desk / "good.jsonl").read_bytes()
    (taken, _) = here("audit", "--action", "import", "--json", cwd=desk).json["decisions"]
    assert taken["detail"]["files"] == [{"name": "good.jsonl", "bytes": len(bytes), "sha256": sha256(bytes).hexdigest()}]
    told = here("audit", cwd=desk).out
    assert f"good.jsonl ({len(bytes)} bytes, sha256 {sha256(bytes).hexdigest()[:12]}), read as " in told
    assert "import 2 of good.jsonl: 2 touchpoints of 2 people" in told
    assert "of another shop" in told


def test_a_story_says_that_an_import_was_retracted(desk: Path) -> None:
    here("retract", "--import", "3", "--reason", "x", cwd=desk)
    told = here("timeline", "user:7", "--between", "3", "4", "--json", cwd=desk).json
    gone = [one for one in told["differences"] if not one["since"]]
    assert {(cause["what"], cause["says"]) for one in gone for cause in one["causes"]} == {
        ("import", "order_placed 9 was withdrawn with its import")
    }


def test_a_letter_shows_that_it_was_dismissed_or_is_open_again_by_a_retraction(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1").replace(b"00Z", b"00"), touch(id="2"))
    put(tmp_path / "right.jsonl", touch(id="1"), b"{broken")
    for file in ("in.jsonl", "right.jsonl"):
        here("ingest", file, cwd=tmp_path)
    arrived = here("dead-letters", "show", "1", "--json", cwd=tmp_path).json["history"][-1]
    assert (arrived["state"], "at" in arrived) == ("arrived", True)
    tried = here("retract", "--import", "3", "--dry-run", cwd=tmp_path).out
    assert "dead letters that only it had brought in: open or fixed again           1\n" in tried
    done = here("retract", "--import", "3", "--reason", "too early", "--actor", "ann", "--json", cwd=tmp_path).json
    assert (done["dead_letters"], done["open_again"]) == (1, 1)
    assert "open again by ann, who retracted import 3: too early" in here("dead-letters", "show", "1", cwd=tmp_path).out
    assert "dismissed by ann, who retracted import 3: too early" in here("dead-letters", "show", "2", cwd=tmp_path).out
    assert "1 dead letters dismissed, 1 open again" in here("audit", cwd=tmp_path).out


class Killed(Exception):
    pass


async def killed(engine: Embedded, incoming: Iterable[Incoming]) -> None:
    await engine.record.append(list(incoming), now())
    raise Killed


def test_one_that_was_killed_is_listed_and_can_be_retracted(tmp_path: Path) -> None:
    put(tmp_path / "good.jsonl", *GOOD)
    put(tmp_path / "bad.jsonl", *BAD)
    here("ingest", "good.jsonl", cwd=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        # The decision and the log have it, and nothing of it is placed.
        patch.setattr(Embedded, "ingest", killed)
        with pytest.raises(Killed):
            here("ingest", "bad.jsonl", cwd=tmp_path)
    assert [one["state"] for one in here("imports", "--json", cwd=tmp_path).json["imports"]] == ["whole", "interrupted"]
    assert here("retract", "--import", "3", "--reason", "killed", "--json", cwd=tmp_path).json["touchpoints"] == 2
    assert digest(tmp_path) == only(tmp_path, "good.jsonl")


def test_what_came_before_there_were_imports_goes_on_and_belongs_to_none(tmp_path: Path) -> None:
    put(tmp_path / "good.jsonl", *GOOD)
    put(tmp_path / "bad.jsonl", *BAD)
    data, older = tmp_path / "journey-data", tmp_path / "older"
    data.mkdir()
    older.mkdir()
    for step in sorted(MIGRATIONS.glob("*.sql")):
        if step.name < "0008":
            (older / step.name).write_bytes(step.read_bytes())
    db = connect(data / "journey.db")
    migrate(db, older)
    for line in GOOD:
        db.execute("INSERT INTO log (recorded_at, raw, source, place) VALUES (2000000000000000, ?, 'old', 'old:1')", (line,))
    db.close()
    assert here("ingest", "bad.jsonl", "--json", cwd=tmp_path).json["import"] == 2
    assert here("retract", "--import", "2", "--reason", "x", cwd=tmp_path).status == 0
    assert digest(tmp_path) == only(tmp_path, "good.jsonl")
    told = refused(here("retract", "--import", "1", "--reason", "x", cwd=tmp_path))
    assert told.startswith("there is no import 1; `journey imports` lists them. What came by no import")


def test_one_of_another_record_is_retracted_by_its_id_before_its_log_is_read(desk: Path) -> None:
    bad = here("imports", "--json", cwd=desk).json["imports"][1]
    other = ("--data", "other")
    done = here("retract", "--id", bad["id"], "--reason", "it was bad there", *other, "--json", cwd=desk).json
    assert (done["id"], done["touchpoints"]) == (bad["id"], 0)
    assert "it was bad there" in here("audit", *other, cwd=desk).out
    assert here("retract", "--import", "3", "--id", bad["id"], "--reason", "x", cwd=desk).status == 1


def test_refused(desk: Path) -> None:
    assert refused(here("retract", "--import", "3", cwd=desk)).startswith("why? --reason says it")
    assert refused(here("retract", "--import", "77", "--dry-run", cwd=desk)).startswith("there is no import 77")
