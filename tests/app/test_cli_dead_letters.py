"""`journey dead-letters` and `journey audit`: what can't be read is put right, sent again or dismissed, and it is kept who did it."""

from getpass import getuser
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.app.command import Ran, here, journey, put, refused, touch

RIGHT = [touch(id="1"), touch("demo", id="2"), touch(id="3", url="https://shop.example/a"), touch(id="3", url="https://shop.example/b")]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with data: the first has no zone, the second a type that is not known, and the last two contradict each other."""
    put(tmp_path / "in.jsonl", RIGHT[0].replace(b"00Z", b"00"), RIGHT[1].replace(b"demo", b"telepathy"), *RIGHT[2:])
    put(tmp_path / "fix.json", RIGHT[0])
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    return tmp_path


def states(cwd: Path) -> list[str]:
    return [one["state"] for one in here("dead-letters", "--json", cwd=cwd).json["dead_letters"]]


def digest(cwd: Path, *arguments: str) -> Any:
    found = here("digest", "--json", *arguments, cwd=cwd).json
    return found["marketing"], found["sales"]


def test_a_fix_goes_in_once_and_its_first_bytes_stay(desk: Path) -> None:
    put(desk / "right.jsonl", RIGHT[0], *RIGHT[2:])
    here("ingest", "right.jsonl", "--data", "right", cwd=desk)
    assert here("dead-letters", "fix", "1", "--body", "fix.json", "--json", cwd=desk).json == {"number": 1, "state": "fixed"}
    assert states(desk) == ["fixed", "open"]
    done = here("dead-letters", "requeue", "1", "--json", cwd=desk).json
    assert (done["sent"], done["in"], done["still_unreadable"]) == (1, 1, [])
    assert digest(desk) == digest(desk, "--data", "right")
    again = here("dead-letters", "requeue", "1", cwd=desk)
    assert "1 is in already" in again.err
    assert again.status == 0
    shown = here("dead-letters", "show", "1", "--json", cwd=desk).json
    assert (shown["state"], shown["position"], shown["fix"]) == ("requeued", done["position"], RIGHT[0].decode() + "\n")
    assert here("dead-letters", "show", "1", "--raw", cwd=desk).raw == RIGHT[0].replace(b"00Z", b"00")
    assert "the fix that is sent in its place" in here("dead-letters", "show", "1", cwd=desk).out


def test_a_fix_comes_from_standard_input_too(desk: Path) -> None:
    assert journey("dead-letters", "fix", "1", "--body", "-", cwd=desk, stdin=RIGHT[0]).status == 0
    assert states(desk)[0] == "fixed"


def test_what_is_still_unreadable_stays_open_and_strict_says_so(desk: Path) -> None:
    here("dead-letters", "fix", "1", "--body", "fix.json", cwd=desk)
    ran = here("dead-letters", "requeue", "--all", cwd=desk)
    assert (ran.status, states(desk)) == (0, ["requeued", "open"])
    assert "2 is still unreadable: type" in ran.err
    strict = here("dead-letters", "requeue", "--code", "unknown-type", "--strict", cwd=desk)
    assert strict.status == 1
    assert "--strict, and 1 of 1 still can't be read" in strict.err


def test_a_row_of_csv_is_fixed_by_a_touchpoint(tmp_path: Path) -> None:
    put(tmp_path / "visits.csv", b"Visitor,When,Page", b"7,,https://shop.example/")
    (tmp_path / "map.yaml").write_text(
        "zone: UTC\ntouchpoints:\n  - type: page_view\n    subject: 'user:{Visitor}'\n    time: {from: When, format: iso}\n"
        "    data: {url: '{Page}'}\n"
    )
    assert here("ingest", "visits.csv", "--map", "map.yaml", "--json", cwd=tmp_path).json["dead_lettered"] == 1
    told = refused(here("dead-letters", "requeue", "1", cwd=tmp_path))
    assert told.startswith("nothing can be made of dead letter 1 as it is; `journey dead-letters fix 1 --body FILE`")
    assert here("dead-letters", "requeue", "--all", "--json", cwd=tmp_path).json["need_fix"] == [1]
    strict = here("dead-letters", "requeue", "--all", "--strict", cwd=tmp_path)
    assert strict.status == 1
    assert "nothing can be made of 1 as it is: `journey dead-letters fix N --body FILE` comes first" in strict.err
    assert "--strict, and 1 of 1 still can't be read" in strict.err
    put(tmp_path / "fix.json", RIGHT[0])
    here("dead-letters", "fix", "1", "--body", "fix.json", cwd=tmp_path)
    assert here("dead-letters", "requeue", "--all", "--json", cwd=tmp_path).json["in"] == 1


def test_the_list_has_what_is_open_unless_it_is_asked_for_more(desk: Path) -> None:
    here("dead-letters", "dismiss", "2", "c1", "--reason", "a test of theirs", cwd=desk)
    assert "in.jsonl:2" not in here("dead-letters", cwd=desk).out
    assert "Conflicts" not in here("dead-letters", cwd=desk).out
    dismissed = here("dead-letters", "list", "--state", "dismissed", cwd=desk).out
    assert "in.jsonl:2" in dismissed
    assert "c1" in dismissed
    found = here("dead-letters", "--json", cwd=desk).json
    assert [one["state"] for one in found["dead_letters"]] == ["open", "dismissed"]
    assert [(one["number"], one["state"]) for one in found["conflicts"]] == [("c1", "dismissed")]
    assert found["states"] == {"open": 1, "dismissed": 1}
    here("dead-letters", "dismiss", "1", "--reason", "too", cwd=desk)
    assert here("dead-letters", cwd=desk).out == "no dead letters that are open (2 dismissed)\n"


def test_dismissed_it_stays_so_when_it_comes_again(desk: Path) -> None:
    here("dead-letters", "dismiss", "1", "2", "--reason", "a test of theirs", cwd=desk)
    here("ingest", "in.jsonl", cwd=desk)
    found = here("dead-letters", "--json", cwd=desk).json["dead_letters"]
    assert [(one["state"], one["seen"]) for one in found] == [("dismissed", 2), ("dismissed", 2)]


def test_a_conflict_is_dismissed_or_sent_again_under_a_new_id(desk: Path) -> None:
    shown = here("dead-letters", "show", "c1", "--json", cwd=desk).json
    others = here("dead-letters", "show", "c1", "--raw", cwd=desk).raw.splitlines()
    assert [orjson.loads(one) for one in others] == shown["others"]
    assert "what counts:" in here("dead-letters", "show", "c1", cwd=desk).out
    put(desk / "new.jsonl", others[0].replace(b'"id":"3"', b'"id":"3-b"'))
    assert here("ingest", "new.jsonl", "--json", cwd=desk).json["accepted"] == 1
    assert here("dead-letters", "dismiss", "c1", "--reason", "3-b has it", "--json", cwd=desk).json == {"dismissed": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("fix 9 --body fix.json", "there is no dead letter 9"),
        ("fix c1 --body fix.json", "c1 is a conflict, both of whose bodies are kept: dismiss it, or ingest the one that does not count"),
        ("fix 1 --body nowhere.json", "nowhere.json can't be read"),
        ("fix 1 --body in.jsonl", "the body is no touchpoint either: "),
        ("requeue", "which ones? `journey dead-letters requeue N…`, or --code CODE, --source SOURCE, or --all"),
        ("requeue 1 --all", "which ones?"),
        ("requeue 9", "there is no dead letter 9"),
        ("requeue c1", "c1 is a conflict"),
        ("requeue 99999999999999999999", "'99999999999999999999' is no number of a dead letter"),
        ("dismiss 1 9 --reason x", "there is no dead letter 9"),
        ("dismiss c9 --reason x", "there is no conflict c9"),
        ("dismiss 1 --reason=", "why? --reason says it"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_changes_nothing(desk: Path, arguments: str, told: str) -> None:
    assert refused(here("dead-letters", *arguments.split(), cwd=desk)).startswith(told)
    assert states(desk) == ["open", "open"]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (["--all"], []),
        (["--code", "unknown-type"], ["open", "open"]),
        (["--source", "other.jsonl"], ["open", "open"]),
        (["--code", "unknown-type", "--source", "other.jsonl"], ["open", "open", "open"]),
        (["--all", "--code", "time-without-zone", "--source", "other.jsonl"], ["open", "open"]),
    ],
)
def test_letters_are_listed_and_dismissed_by_code_and_source(desk: Path, choice: list[str], left: list[str]) -> None:
    put(desk / "other.jsonl", touch(id="9").replace(b"00Z", b"00"))
    here("ingest", "other.jsonl", cwd=desk)
    listed = here("dead-letters", "list", *(one for one in choice if one != "--all"), "--state", "open", "--json", cwd=desk).json
    assert (len(listed["dead_letters"]), sum(one["letters"] for one in listed["codes"].values())) == (3 - len(left), 3 - len(left))
    done = here("dead-letters", "dismiss", *choice, "--reason", "tests of theirs", "--json", cwd=desk).json
    assert done == {"dismissed": 3 - len(left)}
    assert [state for state in states(desk) if state == "open"] == left
    assert here("dead-letters", "requeue", *choice, "--json", cwd=desk).json["sent"] == 0


def test_where_nothing_waits_requeue_says_so(desk: Path) -> None:
    here("dead-letters", "dismiss", "--all", "--reason", "tests of theirs", cwd=desk)
    ran = here("dead-letters", "requeue", "--all", cwd=desk)
    assert (ran.status, ran.err) == (0, "nothing waits that it could send: no dead letter of these is open or fixed\n")


def test_all_that_is_known_of_a_letter_is_shown(desk: Path) -> None:
    here("dead-letters", "fix", "1", "--body", "fix.json", "--actor", "ann", "--reason", "the zone was missing", cwd=desk)
    here("dead-letters", "requeue", "1", "--actor", "bob", cwd=desk)
    told = here("dead-letters", "show", "1", cwd=desk).out
    came = here("digest", "--json", cwd=desk).json["position"]
    for line in (
        "what it was meant to be:\nuser:7, id 1 of ",
        "open, at in.jsonl:1\n",
        "fixed by ann: the zone was missing\n",
        "sent again by bob\n",
        f"requeued: it came in with position {came}\n",
    ):
        assert line in told
    shown = here("dead-letters", "show", "1", "--json", cwd=desk).json
    assert [step["state"] for step in shown["history"]] == ["open", "fixed", "sent again", "requeued"]
    assert [(one["subject"], one["id"]) for one in shown["meant"]] == [("user:7", "1")]


DEALS = """\
source: /crm
zone: UTC
touchpoints:
  - {type: deal_updated, subject: "deal:{Deal}", id: "{Deal}-{Changed}", time: Changed, data: {deal: "{Deal}", stage: "{Stage}"}}
  - type: close
    when: {Stage: won}
    subject: "deal:{Deal}"
    id: "{Deal}-closed"
    time: Changed
    data: {deal: "{Deal}", outcome: won, amount: {from: Amount, number: true}, currency: EUR}
"""


@pytest.mark.parametrize("stated", ['delimiter: ";"\n', ""])
@pytest.mark.parametrize("given", ["1;2026-03-01;won;5", "Deal;Changed;Stage;Amount\n1;2026-03-01;won;5\n"])
def test_a_row_of_csv_is_fixed_as_a_row_and_all_of_its_touchpoints_go_in(tmp_path: Path, given: str, stated: str) -> None:
    (tmp_path / "map.yaml").write_text(f"{stated}{DEALS}")
    put(tmp_path / "deals.csv", b"Deal;Changed;Stage;Amount", b"1;soon;won;much")
    here("ingest", "deals.csv", "--map", "map.yaml", cwd=tmp_path)
    (tmp_path / "row.csv").write_text(given)
    assert here("dead-letters", "fix", "1", "--row", "row.csv", "--map", "map.yaml", cwd=tmp_path).status == 0
    done = here("dead-letters", "requeue", "1", "--json", cwd=tmp_path).json
    assert (done["sent"], done["in"]) == (1, 1)
    assert states(tmp_path) == ["arrived"]
    put(tmp_path / "right.csv", b"Deal;Changed;Stage;Amount", b"1;2026-03-01;won;5")
    here("ingest", "right.csv", "--map", "map.yaml", "--data", "right", cwd=tmp_path)
    assert digest(tmp_path) == digest(tmp_path, "--data", "right")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,soon,won,5", "the row can't be read either: "),
        ("1,2026-03-01,won,5\n2,2026-03-01,won,5", "one row is wanted in place of dead letter 1"),
    ],
)
def test_a_row_that_is_no_better_is_refused(tmp_path: Path, row: str, told: str) -> None:
    (tmp_path / "map.yaml").write_text(DEALS)
    put(tmp_path / "deals.csv", b"Deal,Changed,Stage,Amount", b"1,soon,won,much")
    here("ingest", "deals.csv", "--map", "map.yaml", cwd=tmp_path)
    (tmp_path / "row.csv").write_text(row)
    assert refused(here("dead-letters", "fix", "1", "--row", "row.csv", "--map", "map.yaml", cwd=tmp_path)).startswith(told)
    assert refused(here("dead-letters", "fix", "1", "--map", "map.yaml", cwd=tmp_path)).startswith("with what?")
    assert states(tmp_path) == ["open"]


def fixed(folder: Path, row: str, *arguments: str) -> Ran:
    (folder / "row.csv").write_text(row)
    return here("dead-letters", "fix", "1", "--row", "row.csv", *arguments, cwd=folder)


def test_a_row_is_read_with_the_map_and_on_the_clock_of_its_import(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(DEALS)
    put(tmp_path / "deals.csv", b"Deal,Changed,Stage,Amount", b"1,soon,new,5")
    here("ingest", "deals.csv", "--map", "map.yaml", "--zone", "America/New_York", cwd=tmp_path)
    ran = fixed(tmp_path, "1,2026-03-01T10:00:00,new,5")
    assert ran.status == 0
    assert "read with the map map.yaml, as import 2 was" in ran.err
    assert "times are read on the clock of America/New_York, as import 2 was" in ran.err
    assert '"2026-03-01T15:00:00Z"' in here("dead-letters", "show", "1", cwd=tmp_path).out
    ran = fixed(tmp_path, "1,2026-03-01T10:00:00,new,5", "--map", "map.yaml", "--zone", "UTC")
    assert (ran.status, "clock" in ran.err) == (0, False)
    assert '"2026-03-01T10:00:00Z"' in here("dead-letters", "show", "1", cwd=tmp_path).out


def test_a_row_whose_columns_are_not_known_is_wanted_below_them(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(DEALS.replace("amount: {from: Amount, number: true}", 'amount: "{Amount}"'))
    put(tmp_path / "deals.csv", b"Deal,Changed,Stage,Amount", b"1,2026-03-01,won,five")
    here("ingest", "deals.csv", "--map", "map.yaml", cwd=tmp_path)
    told = refused(fixed(tmp_path, "1,2026-03-01,won,5"))
    assert told.startswith("put the line with the columns of deals.csv above the row: map.yaml:")
    assert "is not in deals.csv" in told
    assert fixed(tmp_path, "Deal,Changed,Stage,Amount\n1,2026-03-01,won,5").status == 0


def test_a_row_of_a_query_is_put_right_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(f"rows: {{query: \"SELECT * FROM 'deals.csv'\"}}\n{DEALS}")
    put(tmp_path / "deals.csv", b"Deal,Changed,Stage,Amount", b"1,soon,new,5")
    here("ingest", "deals.csv", "--map", "map.yaml", cwd=tmp_path)
    told = refused(fixed(tmp_path, "1,2026-03-01,new,5"))
    assert told == "dead letter 1 is a row of the query of deals.csv; put it right in its file, and ingest that again with all of them"


def test_a_call_of_segments_is_fixed_as_one(tmp_path: Path) -> None:
    call = {"type": "identify", "messageId": "m1", "userId": "7", "anonymousId": "a", "traits": {"title": "CEO"}}
    put(tmp_path / "calls.jsonl", orjson.dumps(call))
    here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path)
    put(tmp_path / "call.json", orjson.dumps({**call, "timestamp": "2026-03-01T10:00:00Z"}, option=orjson.OPT_INDENT_2))
    here("dead-letters", "fix", "1", "--body", "call.json", cwd=tmp_path)
    assert here("dead-letters", "requeue", "--all", "--json", cwd=tmp_path).json["in"] == 1
    put(tmp_path / "right.jsonl", orjson.dumps({**call, "timestamp": "2026-03-01T10:00:00Z"}))
    here("ingest", "right.jsonl", "--format", "segment", "--data", "other", cwd=tmp_path)
    assert digest(tmp_path) == digest(tmp_path, "--data", "other")


# --- who did it


def test_the_audit_tells_who_did_what_and_why(desk: Path) -> None:
    here("dead-letters", "fix", "1", "--body", "fix.json", "--actor", "ann", "--reason", "the zone was missing", cwd=desk)
    here("dead-letters", "requeue", "1", "--actor", "bob", cwd=desk)
    here("dead-letters", "dismiss", "2", "c1", "--actor", "ann", "--reason", "a test of theirs", cwd=desk)
    told = here("audit", "--json", cwd=desk).json
    assert [(one["number"], one["actor"], one["action"], one["reason"]) for one in told["decisions"]] == [
        (1, "journey", "definition", "first start"),
        (2, getuser(), "import", ""),
        (3, "ann", "fix", "the zone was missing"),
        (4, "bob", "requeue", ""),
        (5, "ann", "dismiss", "a test of theirs"),
    ]
    assert told["decisions"][3]["detail"] == {"letters": [1], "before": {"1": "fixed"}, "after": "sent again"}
    out = here("audit", cwd=desk).out
    for words in (
        "nothing -> file default, fingerprint ",
        "dead letter 1: open, code time-without-zone",
        "dead letter 1: fixed -> sent again",
        "dead letter 2 and conflict c1: open -> dismissed",
        "a test of theirs",
    ):
        assert words in out


def test_another_definition_is_in_the_audit_with_what_was_before(desk: Path) -> None:
    text = here("definition", "show", "--default", cwd=desk).out
    (desk / "other.yaml").write_text(text.replace("name: default", "name: other"))
    here("definition", "use", "other.yaml", "--actor", "ann", "--reason", "new rules", cwd=desk)
    (used,) = here("audit", "--after", "2", "--json", cwd=desk).json["decisions"]
    assert (used["action"], used["actor"], used["detail"]["before"]["file"], used["detail"]["after"]["file"]) == (
        "definition", "ann", "default", "other.yaml",
    )  # fmt: skip


def test_the_audit_is_read_by_action_and_page_by_page(desk: Path) -> None:
    for number in range(3):
        here("dead-letters", "dismiss", "c1" if number == 2 else str(number + 1), "--reason", f"{number}", cwd=desk)
    first = here("audit", "--action", "dismiss", "--limit", "2", cwd=desk)
    assert "--after 4 goes on from here" in first.err
    page = here("audit", "--action", "dismiss", "--limit", "2", "--json", cwd=desk).json
    assert (len(page["decisions"]), page["more"]) == (2, True)
    rest = here("audit", "--action", "dismiss", "--after", "4", "--json", cwd=desk).json
    assert ([one["reason"] for one in rest["decisions"]], rest["more"]) == (["2"], False)
    told = here("audit", "--action", "erase", cwd=desk).out
    assert told == "nothing was decided by action 'erase'; there are: definition, dismiss, import\n"
    assert here("audit", "--action", "dismiss", "--after", "9", cwd=desk).out == "nothing was decided by action 'dismiss' after number 9\n"
