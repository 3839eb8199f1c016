"""`journey definition`: a definition is checked line by line, used by decision, and what was decided is kept."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine import generations
from app.engine.embedded import reading
from journey.definition import UNUSED, Model
from journey.facts import FOLD_VERSION
from streams import placement
from streams.operators import Decision
from tests.app.command import here, journey, put, refused, touch


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the definition that ships, and another one in which a mere visit is worth 60 points."""
    text = here("definition", "show", "--default", cwd=tmp_path).out
    (tmp_path / "default.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(
        text.replace("scoring:\n", "scoring:\n  - {name: visit, when: {types: page_view}, points: 60, expires: 30d}\n")
    )
    put(tmp_path / "in.jsonl", touch(id="1"), touch(id="2", subject="anon:b"))
    return tmp_path


def decided(cwd: Path) -> list[Decision]:
    with reading(cwd / "journey-data") as engine:
        return list(asyncio.run(engine.desk.decisions("definition")))


def test_a_good_definition_is_named_with_its_fingerprint(desk: Path) -> None:
    answer = here("definition", "check", "default.yaml", "--json", cwd=desk).json
    assert (answer["file"], answer["name"], len(answer["fingerprint"])) == ("default.yaml", "default", 64)
    assert answer["fingerprint"] in here("definition", "check", "default.yaml", cwd=desk).out
    assert here("definition", "check", "other.yaml", "--json", cwd=desk).json["fingerprint"] != answer["fingerprint"]


def test_comments_and_spaces_make_no_other_definition(desk: Path) -> None:
    before = here("definition", "check", "default.yaml", "--json", cwd=desk).json["fingerprint"]
    (desk / "default.yaml").write_text("# mine\n" + (desk / "default.yaml").read_text().replace("name: default", "name:   default"))
    assert here("definition", "check", "default.yaml", "--json", cwd=desk).json["fingerprint"] == before


def test_a_bad_one_is_refused_with_file_line_and_what_was_meant(desk: Path) -> None:
    lines = (desk / "default.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "types: negotiation" in text)
    lines[line - 1] = lines[line - 1].replace("negotiation", "negotiaton")
    (desk / "bad.yaml").write_text("\n".join(lines))
    for command in ("check", "use"):
        told = refused(journey("definition", command, "bad.yaml", cwd=desk))
        assert told.startswith(f"bad.yaml:{line}: ")
        assert "did you mean 'negotiation'?" in told
    assert not (desk / "journey-data").exists()


def test_check_tells_every_mistake_and_use_the_first(desk: Path) -> None:
    text = (desk / "default.yaml").read_text()
    (desk / "bad.yaml").write_text(text.replace("zone: UTC", "zone: Mars").replace("types: negotiation", "types: negotiaton"))
    checked = here("definition", "check", "bad.yaml", cwd=desk)
    assert (checked.status, checked.err.count("\n")) == (1, 2)
    told = refused(here("definition", "use", "bad.yaml", cwd=desk))
    assert told.endswith("(and 1 more: journey definition check bad.yaml lists them)")
    assert told.split(" (and")[0] in checked.err


def test_using_another_changes_what_is_derived_and_going_back_gives_it_again(desk: Path) -> None:
    assert here("ingest", "in.jsonl", cwd=desk).status == 0
    first = here("digest", "--json", cwd=desk).json
    used = here("definition", "use", "other.yaml", "--actor", "ann", "--reason", "visits count", "--json", cwd=desk)
    assert used.err == ""
    assert used.json["definition"] == here("definition", "check", "other.yaml", "--json", cwd=desk).json["fingerprint"]
    second = here("digest", "--json", cwd=desk).json
    assert (second["marketing"], second["sales"]) != (first["marketing"], first["sales"])
    assert [used.json["marketing"][when] for when in ("before", "after")] == [first["marketing"], second["marketing"]]
    assert used.json["sales"]["tables"]["scores"] == {"removed": 0, "added": 2, "changed": 0}
    assert here("timeline", "user:7", "--until", "2026-03-03", "--json", cwd=desk).json["score"] == 60
    assert here("definition", "use", "default.yaml", "--actor", "bob", "--reason", "they do not", cwd=desk).status == 0
    third = here("digest", "--json", cwd=desk).json
    assert (third["marketing"], third["sales"]) == (first["marketing"], first["sales"])
    assert [(one.actor, one.reason, one.detail["file"]) for one in decided(desk)] == [
        ("journey", "first start", "default"),
        ("ann", "visits count", "other.yaml"),
        ("bob", "they do not", "default.yaml"),
    ]


def test_using_the_one_in_use_decides_nothing(desk: Path) -> None:
    assert here("ingest", "in.jsonl", cwd=desk).status == 0
    ran = here("definition", "use", "default.yaml", cwd=desk)
    assert (ran.status, ran.err) == (0, "it is in use already; nothing was changed\n")
    assert len(decided(desk)) == 1


def test_what_comes_in_later_is_placed_by_the_one_in_use(desk: Path) -> None:
    assert here("definition", "use", "other.yaml", cwd=desk).status == 0
    (desk / "other.yaml").unlink()
    assert here("ingest", "in.jsonl", cwd=desk).status == 0
    assert here("timeline", "anon:b", "--until", "2026-03-03", "--json", cwd=desk).json["score"] == 60


def test_the_one_in_use_is_shown_as_a_file_that_can_be_used_again(desk: Path) -> None:
    assert here("definition", "use", "other.yaml", cwd=desk).status == 0
    shown = here("definition", "show", cwd=desk)
    (desk / "shown.yaml").write_text(shown.out)
    fingerprint = here("definition", "check", "other.yaml", "--json", cwd=desk).json["fingerprint"]
    assert here("definition", "check", "shown.yaml", "--json", cwd=desk).json["fingerprint"] == fingerprint
    answer = here("definition", "show", "--json", cwd=desk).json
    assert answer["fingerprint"] == fingerprint
    assert answer["scoring"][0]["name"] == "visit"


# --- what nothing reads yet

CHECKING = ("journey.definition", "journey.definition_checks", "journey.match_checks", "pydantic", "schemas.definition_files")
PARTS = {"attribution": "Attribution", "handoff": "Handoff", "stages": "PipelineStage"}
LOOKED_UP = {"Definition.stage_outcomes": "PipelineStage.outcome", "Definition.stage_chances": "PipelineStage.probability"}
"""What the definition looks up in its own parts, and the parts: who asks for the one reads the other."""
LEFT_ASIDE = (
    "Definition.small_count",  # what is served over HTTP and to roles of PostgreSQL reads it, and no command
    "Definition.version",
    "Definition.name",
    "Definition.topics",
    "Definition.reasons",
    "Reasons.",
    "NoOpenDeal.",
    "Segment.",
    "FollowUpStep.",
)
"""What names a definition, or what its rules are checked by; and the parts of settings that are not read themselves."""


def test_what_nothing_reads_is_said_and_nothing_else(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has everything done that a definition has a say in, and watches what is read of it."""
    read: set[str] = set()

    def reading(model: Any, name: str) -> Any:
        # What ids are is asked of the setting itself, which reads its parts when it is asked.
        if name in ("never", "kinds") or not sys._getframe(1).f_globals["__name__"].startswith(CHECKING):
            read.add(f"{type(model).__name__}.{name}")
        return object.__getattribute__(model, name)

    (desk / "feed.jsonl").write_bytes(here("simulate", "--customers", "60", "--days", "120", cwd=desk).raw)
    put(desk / "won.jsonl", touch("deal_opened", subject="deal:12", deal="12"), touch("close", id="2", subject="deal:12", deal="12"))
    put(desk / "calls.jsonl", b'{"type": "track", "event": "x", "messageId": "1", "userId": "1", "timestamp": "2025-01-01T00:00:00Z"}')
    yaml = (desk / "default.yaml").read_text()
    yaml = yaml.replace("campaign_aliases: []", "campaign_aliases: [{campaign: spring, names: [spring26]}]")
    yaml = yaml.replace("segments: {}", "segments: {big: {profile: {country: DE}}, new: {all: [{segment: big}, {stage: awareness}]}}")
    (desk / "mine.yaml").write_text(yaml)
    monkeypatch.setattr(Model, "__getattribute__", reading)
    for command in (
        "definition use mine.yaml", "ingest feed.jsonl won.jsonl", "ingest calls.jsonl --format segment", "report marketing",
        "report sales", "reconcile", "identity held",
    ):  # fmt: skip
        ran = here(*command.split(), cwd=desk)
        assert ran.status == 0, ran.err
    monkeypatch.undo()
    read |= {part for asked, part in LOOKED_UP.items() if asked in read}
    unread = {f"{kind.__name__}.{name}" for kind in _models(Model) for name in kind.model_fields} - read
    said = [path.split(".") for path in UNUSED]
    unread = {one for one in unread if not one.startswith(LEFT_ASIDE)}
    assert unread == {f"{PARTS[path[-2]] if path[1:] else 'Definition'}.{path[-1]}" for path in said}
    told = here("definition", "check", "mine.yaml", cwd=desk)
    assert told.err == f"kept, not used yet: {', '.join(UNUSED)}\n"
    assert here("definition", "check", "mine.yaml", "--json", cwd=desk).json["not_used_yet"] == list(UNUSED)


def _models(kind: type[Model]) -> Iterator[type[Model]]:
    for one in kind.__subclasses__():
        yield one
        yield from _models(one)


@pytest.fixture
def stored_before(desk: Path) -> Path:
    """Data that was derived by a definition that ships no more: it names no milestones."""
    text = (desk / "default.yaml").read_text()
    text = re.sub(r"^milestones:\n(  .*\n)+", "", text, flags=re.MULTILINE)
    # Its funnels are of what there was.
    text = re.sub(r"^funnels:\n(  .*\n)+", "funnels: [{name: sales, steps: [lead, mql, won]}]\n", text, flags=re.MULTILINE)
    (desk / "old.yaml").write_text(text)
    assert here("definition", "use", "old.yaml", "--reason", "as it was", cwd=desk).status == 0
    assert here("ingest", "in.jsonl", cwd=desk).status == 0
    return desk


LACKS = (
    "the definition in use says nothing of milestones, and the one that ships with this version does: `journey definition show --default`"
)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_definition_that_lacks_what_ships_now_is_said_to_where_it_is_shown_or_checked(stored_before: Path, more: list[str]) -> None:
    assert LACKS in here("definition", "show", *more, cwd=stored_before).err
    assert "old.yaml says nothing of milestones" in here("definition", "check", "old.yaml", *more, cwd=stored_before).err
    assert "says nothing of" not in here("definition", "check", "default.yaml", *more, cwd=stored_before).err


@pytest.mark.parametrize("more", [[], ["--json"], ["--csv"]])
def test_a_report_says_that_its_definition_lacks_what_it_asks_for(stored_before: Path, more: list[str]) -> None:
    assert LACKS in here("report", "marketing", "stages", *more, cwd=stored_before).err
    assert "says nothing of" not in here("report", "marketing", "orders", *more, cwd=stored_before).err
    here("definition", "use", "default.yaml", "--reason", "what ships now", cwd=stored_before)
    assert "says nothing of" not in here("report", "marketing", "stages", *more, cwd=stored_before).err


def test_a_new_version_that_derives_all_again_says_what_the_definition_lacks(stored_before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (generations, placement):
        monkeypatch.setattr(module, "FOLD_VERSION", FOLD_VERSION + 1)
    err = here("ingest", "in.jsonl", cwd=stored_before).err
    assert "deriving it again" in err
    assert LACKS in err
    assert "says nothing of" not in here("ingest", "in.jsonl", cwd=stored_before).err
