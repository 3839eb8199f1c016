"""Reasons, and what was known when, as the commands tell them."""

import re
from pathlib import Path

import pytest

from tests.app.command import here, put, refused, touch

UNTIL = ("--until", "2026-03-20")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A visitor asks for a demo, turns out to be user:7 (position 2), and had read something long before (position 3)."""
    folder = tmp_path_factory.mktemp("shop")
    put(
        folder / "in.jsonl",
        touch("form_submitted", id="form", subject="anon:a", at="2026-03-03T09:00:00Z", intent="demo"),
        touch("identified", id="link", subject="anon:a", at="2026-03-03T09:00:01Z", other="user:7"),
    )
    put(folder / "late.jsonl", touch("content_view", id="late", subject="user:7", at="2026-02-25T09:00:00Z"))
    for name in ("in.jsonl", "late.jsonl"):
        assert here("ingest", name, cwd=folder).status == 0
    return folder


def test_reasons_are_told_with_their_evidence_as_json(shop: Path) -> None:
    answer = here("explain", "user:7", *UNTIL, "--json", cwd=shop).json
    entered = [one for one in answer["transitions"] if one["what"] == "stage"]
    assert [(one["entered"], one["rule"]) for one in entered] == [
        ("awareness", "first-contact"),
        ("consideration", "demo-or-trial-asked-for"),
    ]
    assert [one["id"] for one in entered[1]["because"]] == ["form"]
    assert entered[1]["because"][0]["ties"] == [["urn:test", "link", "anon:a"]]
    assert sum(entry["points"] for entry in answer["ledger"]) == answer["score"] == 32
    assert {one["stage"] for one in answer["why_not"]} == {"decision", "post_purchase", "lost", "churned", "recycled"}
    assert answer["simulated"] is False
    assert here("explain", "anon:a", *UNTIL, "--json", cwd=shop).json == answer


def test_one_stage_is_asked_about_alone(shop: Path) -> None:
    answer = here("explain", "user:7", "--stage", "decision", *UNTIL, "--json", cwd=shop).json
    assert answer["transitions"] == []
    assert [one["rule"] for one in answer["why_not"]] == ["deal-open", "proposal", "negotiation", "new-deal"]
    ran = here("explain", "user:7", "--stage", "decision", *UNTIL, cwd=shop)
    assert "needs: proposal_sent" in ran.out
    assert "leads out of lost, churned, recycled only" in ran.out
    assert all(line == line.rstrip() and len(line) <= 110 for line in ran.out.splitlines())


def test_a_lead_is_asked_about_as_a_stage_is(shop: Path) -> None:
    answer = here("explain", "user:7", "--stage", "mql", *UNTIL, "--json", cwd=shop).json
    assert [(one["stage"], one["cycle"], one["at"], one["held"]["met"]) for one in answer["why"]] == [
        ("mql", 1, "2026-03-03T09:00:00Z", True)
    ]
    told = here("explain", "user:7", "--stage", "mql", *UNTIL, cwd=shop).out
    assert "held: form_submitted whose intent is demo\n" in told
    assert "by form_submitted form of 2026-03-03 09:00:00: contact · demo\n" in told
    answer = here("explain", "user:7", "--stage", "sql", *UNTIL, "--json", cwd=shop).json
    assert [(one["rule"], one["unmet"]["parts"][1]["more"]) for one in answer["why_not"]] == [("lead.sql", "needs: lead_qualified")]
    assert "lead 1 is open" in here("explain", "user:7", "--stage", "sql", *UNTIL, cwd=shop).out


@pytest.mark.parametrize("stage", [(), ("--stage", "awareness"), ("--stage", "mql")])
def test_nothing_of_an_explanation_is_cut_and_on_a_terminal_it_is_wrapped(
    shop: Path, monkeypatch: pytest.MonkeyPatch, stage: tuple[str, ...]
) -> None:
    """What is read by a program has its lines whole."""
    arguments = ("explain", "user:7", *stage, *UNTIL)
    answer, piped = here(*arguments, "--json", cwd=shop).json, here(*arguments, cwd=shop).out
    reasons = [one["unmet"]["more"] for one in answer["why_not"]]
    assert all(f"{reason}\n" in piped for reason in reasons)
    assert all(line == line.rstrip() for line in piped.splitlines())
    monkeypatch.setattr("app.text.printing.at_terminal", lambda: True)
    for columns in (60, 80, 200):
        monkeypatch.setattr("app.text.printing.out._width", columns)
        shown = re.sub(r"\x1b\[[0-9;]*m", "", here(*arguments, cwd=shop).out)
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= columns
        words = shown.split()
        assert all(word in words for reason in reasons for word in reason.split() if len(word) < 20)


@pytest.mark.parametrize("question", ["timeline user:7", "explain user:7", "report marketing", "report sales"])
def test_the_last_position_answers_as_the_present_does_and_an_earlier_one_as_it_did(shop: Path, question: str) -> None:
    ask = (*question.split(), *UNTIL, "--json")

    def told(*known_at: str) -> str:
        return here(*ask, *known_at, cwd=shop).out.replace(f'"known_at": "{"".join(known_at[1:])}"', '"known_at": ""')

    now = told()
    assert told("--known-at", "3") == now
    assert told("--known-at", "9999-01-01T00:00:00Z") == now
    assert told("--known-at", "2") != now


def test_what_two_positions_tell_differently_has_its_cause(shop: Path) -> None:
    answer = here("timeline", "user:7", "--between", "2", "3", *UNTIL, "--json", cwd=shop).json
    assert (answer["before"]["score"], answer["after"]["score"]) == (30, 32)
    assert {cause["what"] for one in answer["differences"] for cause in one["causes"]} == {"late touchpoint"}
    assert "by late touchpoint at 3: content_view late" in here("timeline", "user:7", "--between", "2", "3", *UNTIL, cwd=shop).out
    assert here("timeline", "user:7", "--between", "3", "3", *UNTIL, cwd=shop).out.endswith("no difference\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("explain user:9", "nothing is known of 'user:9'"),
        ("explain deal:12", "'deal:12' is no person, and only persons are at stages"),
        ("explain user:7 --stage desire", "there is no stage 'desire' in the definition; it has awareness, "),
        ("explain user:7 --stage lead", "there is no stage 'lead' in the definition; it has awareness, "),
        ("explain user:7 --known-at 4", "position 4 is not there yet; the last one is 3"),
        ("report sales --known-at soon", "'soon' is no position and no time; write a number up to 3, 2025-06-30 or 2025-06-30T12:00:00Z"),
        ("timeline user:7 --known-at 0", "nothing is known of 'user:7'"),
        ("timeline user:7 --between 3 2", "position 3 is after 2; name the earlier one first"),
        ("timeline user:7 --between 1 9", "position 9 is not there yet; the last one is 3"),
        ("timeline user:7 --between 1 2 --known-at 2", "--between names two positions, so --known-at has no place beside it"),
    ],
)
def test_what_can_not_be_told_is_refused_in_one_line(shop: Path, arguments: str, told: str) -> None:
    assert refused(here(*arguments.split(), cwd=shop)).startswith(told)
