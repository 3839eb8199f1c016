"""Dead letters close themselves when what they were meant to be arrives in a corrected file, and no other row closes them."""

from pathlib import Path

import orjson
import pytest

from tests.app.command import here, put, touch

VISITS = """\
zone: UTC
touchpoints:
  - type: page_view
    subject: 'user:{Visitor}'
    time: {from: When, format: iso}
    data: {url: '{Page}'}
"""
COST = """\
zone: UTC
touchpoints:
  - type: spend_recorded
    subject: 'campaign:{Campaign}'
    time: {from: Day, format: iso}
    data:
      amount: {from: Cost, number: true}
      currency: EUR
      function: marketing
      kind: media
      period_start: {from: Day, date: iso}
      period_end: {from: Day, date: iso}
"""
DEALS = """\
source: /crm
zone: UTC
touchpoints:
  - type: deal_updated
    subject: 'deal:{Deal}'
    id: '{Deal}-{Changed}'
    time: {from: Changed, format: iso}
    data: {deal: '{Deal}', stage: '{Stage}', amount: {from: Amount, number: true}, currency: EUR}
  - type: close
    when: {Stage: [won, lost]}
    subject: 'deal:{Deal}'
    id: '{Deal}-closed'
    time: {from: Changed, format: iso}
    data: {deal: '{Deal}', outcome: {from: Stage, values: {won: won, lost: lost}}, amount: {from: Amount, number: true}, currency: EUR}
"""


def states(folder: Path) -> list[str]:
    return [one["state"] for one in here("dead-letters", "--json", cwd=folder).json["dead_letters"]]


def position(folder: Path) -> int:
    return int(here("digest", "--json", cwd=folder).json["position"])


def take(folder: Path, *lines: str, map: str, file: str = "export.csv") -> None:
    (folder / "map.yaml").write_text(map)
    put(folder / file, *(line.encode() for line in lines))
    ran = here("ingest", file, "--map", "map.yaml", cwd=folder)
    assert ran.status == 0, ran.err


# --- by name


def test_a_touchpoint_in_a_corrected_file_closes_its_letter_and_says_at_which_position(tmp_path: Path) -> None:
    bad = touch(id="1").replace(b"00Z", b"00")
    put(tmp_path / "in.jsonl", bad, touch(id="2"))
    here("ingest", "in.jsonl", cwd=tmp_path)
    put(tmp_path / "other.jsonl", touch(id="1"), touch(id="2"))
    here("ingest", "other.jsonl", cwd=tmp_path)
    shown = here("dead-letters", "show", "1", "--json", cwd=tmp_path).json
    assert (shown["state"], shown["position"]) == ("arrived", position(tmp_path))
    assert here("dead-letters", cwd=tmp_path).out == "no dead letters that are open (1 arrived)\n"
    assert "in.jsonl:1" in here("dead-letters", "list", "--state", "arrived", cwd=tmp_path).out
    assert "arrived" not in here("audit", cwd=tmp_path).out
    # The bad file once more: seen again, and closed as it was.
    here("ingest", "in.jsonl", cwd=tmp_path)
    assert states(tmp_path) == ["arrived"]


def test_the_corrected_file_may_come_first(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1"))
    here("ingest", "in.jsonl", cwd=tmp_path)
    came = position(tmp_path)
    put(tmp_path / "in.jsonl", touch(id="1").replace(b"00Z", b"00"))
    here("ingest", "in.jsonl", cwd=tmp_path)
    shown = here("dead-letters", "show", "1", "--json", cwd=tmp_path).json
    assert (shown["state"], shown["position"]) == ("arrived", came)


def test_another_senders_touchpoint_of_that_id_closes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1").replace(b"00Z", b"00"))
    here("ingest", "in.jsonl", cwd=tmp_path)
    other = orjson.loads(touch(id="1"))
    put(tmp_path / "in.jsonl", orjson.dumps({**other, "source": "/other"}), touch(id="1", subject="user:8"))
    here("ingest", "in.jsonl", cwd=tmp_path)
    assert states(tmp_path) == ["open"]


def test_a_segment_call_put_right_closes_its_letter(tmp_path: Path) -> None:
    call = {"type": "track", "event": "Demo Requested", "messageId": "m1", "userId": "7", "timestamp": "2026-03-01T10:00:00Z"}
    nameless = {name: value for name, value in call.items() if name != "event"}
    put(tmp_path / "calls.jsonl", orjson.dumps(nameless), orjson.dumps({**call, "messageId": "m2", "timestamp": None}))
    here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path)
    assert states(tmp_path) == ["open", "open"]
    put(tmp_path / "calls.jsonl", orjson.dumps(call), orjson.dumps({**call, "messageId": "m2"}))
    here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path)
    assert states(tmp_path) == ["arrived", "arrived"]


def test_a_row_that_states_its_id_closes_its_letter_wherever_it_stands_once_all_of_it_is_in(tmp_path: Path) -> None:
    take(tmp_path, "Deal,Changed,Stage,Amount", "1,2026-03-01T10:00:00,won,much", map=DEALS)
    assert states(tmp_path) == ["open"]
    take(tmp_path, "Deal,Changed,Stage,Amount", "9,2026-03-02T10:00:00,new,5", "1,2026-03-01T10:00:00,new,7", map=DEALS, file="other.csv")
    assert states(tmp_path) == ["open"], "its close is not in"
    take(tmp_path, "Deal,Changed,Stage,Amount", "1,2026-03-01T10:00:00,won,7", map=DEALS, file="third.csv")
    assert states(tmp_path) == ["arrived"]


def test_a_row_with_the_id_of_another_row_of_its_file_is_not_taken_for_that(tmp_path: Path) -> None:
    take(tmp_path, "Deal,Changed,Stage,Amount", "1,2026-03-01T10:00:00,new,7", "1,2026-03-01T10:00:00,new,much", map=DEALS)
    assert states(tmp_path) == ["open"]


# --- by its row


@pytest.mark.parametrize(
    ("map", "header", "bad", "right"),
    [
        (VISITS, "Visitor,When,Page", "7,,https://shop.example/", "7,2026-03-05T10:00:00,https://shop.example/"),
        (VISITS, "Visitor,When,Page", ",2026-03-05T10:00:00,https://shop.example/", "7,2026-03-05T10:00:00,https://shop.example/"),
        (VISITS, "Visitor,When,Page", "7,2026-03-05T10:00:00,https://shop.example/a,b", '7,2026-03-05T10:00:00,"https://shop.example/a,b"'),
        (VISITS, "Visitor,When,Page", '7,2026-03-05T10:00:00,"https://shop.example/', "7,2026-03-05T10:00:00,https://shop.example/"),
        (COST, "Day,Campaign,Cost", "2026-03-05,brand,much", "2026-03-05,brand,12.50"),
        (COST, "Day,Campaign,Cost", "2026-02-30,brand,12.50", "2026-02-28,brand,12.50"),
    ],
)
@pytest.mark.parametrize("is_last", [True, False])
def test_a_row_without_an_id_closes_its_letter_where_it_stood(
    tmp_path: Path, map: str, header: str, bad: str, right: str, is_last: bool
) -> None:
    beside = "8,2026-03-06T10:00:00,https://shop.example/b" if map == VISITS else "2026-03-06,brand,7"
    for row in (bad, right):
        take(tmp_path, header, *((beside, row) if is_last or bad.count('"') == 1 else (row, beside)), map=map)
    assert states(tmp_path) == ["arrived"]
    # And the first file once more opens nothing.
    take(tmp_path, header, beside, bad, map=map)
    assert states(tmp_path) == ["arrived"]


@pytest.mark.parametrize(
    ("map", "header", "bad", "april"),
    [
        (COST, "Day,Campaign,Cost", "2026-03-05,brand,much", "2026-04-05,brand,12.50"),
        (COST, "Day,Campaign,Cost", "2026-03-05,brand,", "2026-04-05,brand,0"),
        (COST, "Day,Campaign,Cost", ",brand,12.50", "2026-04-05,brand,12.50"),
        (COST, "Day,Campaign,Cost", "2026-03-05,brand,12,50", "2026-04-05,brand,12.50"),
        (VISITS, "Visitor,When,Page", "7,2026-03-05T10:00:00", "7,2026-04-05T10:00:00,https://shop.example/"),
    ],
)
def test_the_same_line_of_another_months_file_closes_nothing(tmp_path: Path, map: str, header: str, bad: str, april: str) -> None:
    take(tmp_path, header, bad, map=map)
    take(tmp_path, header, april, map=map)
    assert states(tmp_path) == ["open"]


def test_of_two_equal_rows_one_put_right_is_not_both(tmp_path: Path) -> None:
    bad, right, beside = "2026-03-05,brand,much", "2026-03-05,brand,12.50", "2026-03-06,brand,7"
    take(tmp_path, "Day,Campaign,Cost", beside, bad, bad, map=COST)
    take(tmp_path, "Day,Campaign,Cost", beside, right, bad, map=COST)
    assert states(tmp_path) == ["open"]
    # The row at the letter's place was in since: which one is new, nobody knows.
    take(tmp_path, "Day,Campaign,Cost", beside, right, right, map=COST)
    assert states(tmp_path) == ["open"]


def test_two_equal_rows_put_right_together_are_both(tmp_path: Path) -> None:
    bad, right, beside = "2026-03-05,brand,much", "2026-03-05,brand,12.50", "2026-03-06,brand,7"
    take(tmp_path, "Day,Campaign,Cost", beside, bad, bad, map=COST)
    take(tmp_path, "Day,Campaign,Cost", beside, right, right, map=COST)
    assert states(tmp_path) == ["arrived"]


def test_a_row_that_reads_and_is_no_touchpoint_closes_its_letter_too(tmp_path: Path) -> None:
    map = VISITS.replace("page_view", "order_placed").replace("{url: '{Page}'}", "{order: '{Page}', amount: '{Paid}', currency: EUR}")
    take(tmp_path, "Visitor,When,Page,Paid", "7,2026-03-05T10:00:00,o1,-12.50", map=map)
    assert states(tmp_path) == ["open"]
    take(tmp_path, "Visitor,When,Page,Paid", "7,2026-03-05T10:00:00,o1,12.50", map=map)
    assert states(tmp_path) == ["arrived"]


def test_a_row_that_moved_up_in_a_later_export_of_the_same_days_is_another(tmp_path: Path) -> None:
    """Each export has the last three days, one a row, and the second day's first row without a day is still without one."""
    take(tmp_path, "Day,Campaign,Cost", "2026-03-04,brand,10", ",brand,10", "2026-03-06,brand,10", map=COST)
    take(tmp_path, "Day,Campaign,Cost", ",brand,10", "2026-03-06,brand,10", "2026-03-07,brand,10", map=COST)
    assert states(tmp_path) == ["open"]


def test_of_two_files_of_one_name_nobody_knows_which_row_it_was(tmp_path: Path) -> None:
    take(tmp_path, "Day,Campaign,Cost", "2026-03-05,brand,much", map=COST)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder / "export.csv", b"Day,Campaign,Cost", b"2026-03-05,brand,12.50")
    here("ingest", "a/export.csv", "b/export.csv", "--map", "map.yaml", cwd=tmp_path)
    assert states(tmp_path) == ["open"]


PAID = VISITS.replace("page_view", "order_placed").replace(
    "{url: '{Page}'}", "{order: '{Page}', amount: {from: Paid, number: true}, currency: EUR}"
)
AT_A_TIME = PAID.replace("{from: When, format: iso}", "{at: 2026-03-31T23:59:59Z}")
IN_APRIL = AT_A_TIME.replace("03-31", "04-30")
HEADER = "Visitor,When,Page,Paid"


def test_a_row_that_is_in_already_is_nobodys_correction(tmp_path: Path) -> None:
    bad, other = "7,2026-03-05T10:00:00,o1,1O", "7,2026-03-05T10:00:00,o1,20"
    take(tmp_path, HEADER, bad, other, map=PAID)
    take(tmp_path, HEADER, other, map=PAID)
    assert states(tmp_path) == ["open"]
    take(tmp_path, HEADER, "7,2026-03-05T10:00:00,o1,10", other, map=PAID)
    assert states(tmp_path) == ["arrived"]


@pytest.mark.parametrize(
    ("bad", "april"),
    [
        ("7,,o1,1O", "7,,o1,70"),
        ("7,,o1,-5", "7,,o1,5"),
        ('"7,,o1,10', "7,,o1,10"),
    ],
    ids=["unreadable", "no touchpoint", "no cells"],
)
def test_one_time_for_all_rows_ties_none(tmp_path: Path, bad: str, april: str) -> None:
    beside = "8,,o2,7"
    take(tmp_path, HEADER, beside, bad, map=AT_A_TIME)
    take(tmp_path, HEADER, beside, april, map=IN_APRIL)
    assert states(tmp_path) == ["open"]


@pytest.mark.parametrize(("bad", "right"), [("7,,o1,1O", "7,,o1,10"), ("7,,o1,-5", "7,,o1,5"), ('"7,,o1,10', "7,,o1,10")])
def test_a_row_beside_that_is_in_ties_one_without_a_time_of_its_own(tmp_path: Path, bad: str, right: str) -> None:
    for row in (bad, right):
        take(tmp_path, HEADER, "8,,o2,7", row, map=AT_A_TIME)
    assert states(tmp_path) == ["arrived"]


@pytest.mark.parametrize("bad", ["7,2026-03-05T10:00:00,o1,1O", "7,2026-03-05T10:00:00,o1,-5", '"7,2026-03-05T10:00:00,o1,10'])
@pytest.mark.parametrize("change", [("order_placed", "checkout_started"), ("zone: UTC", "source: /other\nzone: UTC")])
def test_what_another_map_makes_of_the_row_closes_nothing(tmp_path: Path, bad: str, change: tuple[str, str]) -> None:
    right, beside = "7,2026-03-05T10:00:00,o1,10", "8,2026-03-05T10:00:00,o2,7"
    take(tmp_path, HEADER, beside, bad, map=PAID)
    other = PAID.replace(*change)
    (tmp_path / "other.yaml").write_text(other)
    put(tmp_path / "export.csv", *(line.encode() for line in (HEADER, beside, right)))
    assert here("ingest", "export.csv", "--map", "other.yaml", cwd=tmp_path).status == 0
    assert states(tmp_path) == ["open"]


@pytest.mark.parametrize(
    ("bad", "other"),
    [
        ('"Иван,2026-03-05T10:00:00,o1,10', "Пётр,2026-03-05T10:00:00,o1,10"),
        ("ann,2026-03-05T10:00:00,o1,10,x", "bob,2026-03-05T10:00:00,o1,10"),
        ("ann,2026-03-05T10:00:00,o1,10,bob,2026-03-05T10:00:00,o1,10", "bob,2026-03-05T10:00:00,o1,10"),
        ('"7', "9,2026-03-07T10:00:00,o1,7"),
    ],
)
def test_a_row_without_cells_is_none_that_says_something_else(tmp_path: Path, bad: str, other: str) -> None:
    beside = "8,2026-03-05T10:00:00,o2,7"
    take(tmp_path, HEADER, beside, bad, map=PAID)
    take(tmp_path, HEADER, beside, other, map=PAID)
    assert states(tmp_path) == ["open"]


def test_a_row_that_was_cut_off_is_closed_by_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(COST)
    head = b"Campaign,Day,Cost,Note\nspring,2026-03-01,5,a\n"
    (tmp_path / "cost.csv").write_bytes(head + b"spring,2026-03-02,12")
    here("ingest", "cost.csv", "--map", "map.yaml", cwd=tmp_path)
    assert states(tmp_path) == ["open"]
    (tmp_path / "cost.csv").write_bytes(head + b"spring,2026-03-02,1250,b\n")
    here("ingest", "cost.csv", "--map", "map.yaml", cwd=tmp_path)
    assert states(tmp_path) == ["arrived"]


def test_a_row_that_is_bad_is_not_closed_by_another_row_with_its_id_in_the_same_file(tmp_path: Path) -> None:
    opened, won = "1,2026-03-01T10:00:00,new,1O", "1,2026-03-01T10:00:00,new,20"
    take(tmp_path, "Deal,Changed,Stage,Amount", opened, won, map=DEALS)
    assert states(tmp_path) == ["open", "open"]
    take(tmp_path, "Deal,Changed,Stage,Amount", opened.replace("O", "0"), map=DEALS)
    assert sorted(states(tmp_path)) == ["arrived", "open"]
