"""A CSV export and a map become touchpoints; a row that can't be read is kept, and the rest goes on."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import Refused
from schemas.csv_rows import ROW_BYTES_MAX
from schemas.incoming import BEGINNING_BYTES, LINE_BYTES_MAX, Incoming, WholeRecord
from schemas.intended import known_of
from tests.schemas.csv_desk import DEALS, Desk, body


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ids(found: list[Incoming]) -> list[str]:
    return [body(one)["id"] for one in found]


# --- rows to touchpoints


def test_a_row_becomes_a_cloud_event_that_knows_its_file_and_line(desk: Desk) -> None:
    (found,) = desk.read(DEALS, "Deal ID,Changed,Next\n12,2026-03-01 10:00,Call back\n")
    assert body(found) == {
        "specversion": "1.0",
        "id": "12",
        "source": "/csv/crm",
        "type": "deal_updated",
        "subject": "deal:12",
        "time": "2026-03-01T09:00:00Z",
        "data": {"deal": "12", "next_step": "Call back"},
    }
    assert (found.raw, found.source, found.place) == (b"12,2026-03-01 10:00,Call back", "crm.csv", "crm.csv:2")


def test_a_blank_cell_gives_no_field_at_all(desk: Desk) -> None:
    (found,) = desk.read(DEALS, "Deal ID,Changed,Next\n12,2026-03-01 10:00,  \n")
    assert body(found)["data"] == {"deal": "12"}


def test_rows_in_which_nothing_stands_are_no_rows(desk: Desk) -> None:
    found = desk.read(DEALS, "Deal ID,Changed,Next\n\n12,2026-03-01 10:00,a\n,,\n  , ,\n13,2026-03-01 10:00,b\n\n")
    assert [one.place for one in found] == ["crm.csv:3", "crm.csv:6"]


def test_one_row_may_be_several_touchpoints_each_under_its_condition(desk: Desk) -> None:
    text = """\
    touchpoints:
      - {type: signed_up, id: "{Id}", subject: "user:{Id}", time: T}
      - {type: trial_started, id: "{Id}-trial", subject: "user:{Id}", time: T, when: {Plan: filled}, data: {plan: "{Plan}", ends_at: "{T}"}}
      - {type: custom, id: "{Id}-no", subject: "user:{Id}", time: T, when: {Plan: blank}, data: {name: no-trial}}
      - {type: custom, id: "{Id}-big", subject: "user:{Id}", time: T, when: {Plan: [Pro, Team]}, data: {name: big}}
      - {type: custom, id: "{Id}-eu", subject: "user:{Id}", time: T, when: {Plan: {not: Pro}, Region: {starts: eu-}}, data: {name: eu}}
    """
    found = desk.read(text, "Id,T,Plan,Region\n1,2026-01-01T00:00:00Z,pro,eu-west\n2,2026-01-01T00:00:00Z,,EU-south\n")
    assert ids(found) == ["1", "1-trial", "1-big", "2", "2-no", "2-eu"]


def test_constants_keep_their_kind_and_quoted_ones_are_texts(desk: Desk) -> None:
    text = """\
    touchpoints:
      - type: custom
        subject: "user:1"
        time: T
        data: {name: x, properties: {one: 1, yes: true, text: "1", word: Yes, share: 0.10, braces: "{{a}}"}}
    """
    (found,) = desk.read(text, "T\n2026-01-01T00:00:00Z\n")
    properties = body(found)["data"]["properties"]
    assert properties == {"one": 1, "yes": True, "text": "1", "word": "Yes", "share": "0.10", "braces": "{a}"}


def test_the_number_of_a_row_counts_from_0_in_each_file_and_may_be_wrapped(desk: Desk) -> None:
    text = """\
    zone: UTC
    touchpoints:
      - {type: custom, subject: "user:{row}", time: {from: "2025-01-{row % 2 + 1}"  , format: "%Y-%m-%d"}, data: {name: x}}
    """
    found = [body(one) for one in desk.read(text, "A\na\nb\nc\n", "A\nd\n")]
    assert [one["subject"] for one in found] == ["user:0", "user:1", "user:2", "user:0"]
    assert [one["time"][:10] for one in found] == ["2025-01-01", "2025-01-02", "2025-01-01", "2025-01-01"]


def test_files_have_rules_by_their_names(desk: Desk) -> None:
    crm = desk.map("""\
    files:
      deals:
        match: "deals*.csv"
        delimiter: ";"
        touchpoints: [{type: custom, subject: "deal:{Deal}", time: T, data: {name: deal}}]
      people:
        match: ["people.csv", "contacts-*.csv"]
        touchpoints: [{type: custom, subject: "user:{Id}", time: T, data: {name: person}}]
    """)
    deals, people = (
        desk.file("Deal;T\n1;2026-01-01T00:00:00Z\n", "deals-2026.csv"),
        desk.file("Id,T\n2,2026-01-01T00:00:00Z\n", "people.csv"),
    )
    assert [body(one)["subject"] for one in crm.read([people, deals])] == ["user:2", "deal:1"]
    with pytest.raises(Refused, match=r"no rules for a file named 'other.csv', it has some for deals\*.csv, people.csv, contacts-\*.csv"):
        crm.read([deals, desk.file("Id,T\n", "other.csv")])


def test_a_column_that_an_export_may_lack_is_blank_where_it_does(desk: Desk) -> None:
    text = "optional_columns: Next\n" + DEALS
    (found,) = desk.read(text, "Deal ID,Changed\n12,2026-03-01 10:00\n")
    assert body(found)["data"] == {"deal": "12"}


def test_lines_above_the_columns_are_skipped(desk: Desk) -> None:
    (found,) = desk.read("skip_lines: 2\n" + DEALS, 'Report\n"an open quote\nDeal ID,Changed,Next\n12,2026-03-01 10:00,a\n')
    assert found.place == "crm.csv:4"


# --- ids


HASHED = 'touchpoints: [{type: custom, subject: "user:1", time: T, data: {name: "{A}"}}, {type: signed_up, subject: "user:1", time: T}]'


def test_without_an_id_equal_rows_are_several_and_the_same_file_again_is_the_same(desk: Desk) -> None:
    rows = "T,A\n" + 3 * "2026-01-01T00:00:00Z,a\n" + "2026-01-01T00:00:00Z,b\n"
    first, again = ids(desk.read(HASHED, rows)), ids(desk.read(HASHED, rows))
    assert first == again
    assert len(set(first)) == 8


def test_equal_rows_are_counted_over_all_files_in_order(desk: Desk) -> None:
    row = "T,A\n2026-01-01T00:00:00Z,a\n"
    both = ids(desk.read(HASHED, row, row))
    assert len(set(both)) == 4
    assert both[:2] == ids(desk.read(HASHED, row))


def test_the_id_of_a_row_depends_on_the_name_of_the_map(desk: Desk) -> None:
    rows = "T,A\n2026-01-01T00:00:00Z,a\n"
    assert ids(desk.read(HASHED, rows)) != ids(desk.read("name: other\n" + HASHED, rows))


def test_another_touchpoint_in_a_map_leaves_the_ids_of_the_others(desk: Desk) -> None:
    rows = "T,A\n2026-01-01T00:00:00Z,a\n"
    more = HASHED.replace(
        "touchpoints: [", 'touchpoints: [{type: form_started, subject: "user:1", time: T, data: {form: f, intent: demo}}, '
    )
    assert set(ids(desk.read(HASHED, rows))) < set(ids(desk.read(more, rows)))


def test_cells_that_join_alike_are_rows_of_their_own(desk: Desk) -> None:
    text = 'touchpoints: [{type: custom, subject: "user:1", time: T, data: {name: x}}]'
    found = ids(desk.read(text, "T,A,B\n2026-01-01T00:00:00Z,ab,c\n2026-01-01T00:00:00Z,a,bc\n"))
    assert [one.split("-")[1] for one in found] == ["0", "0"]
    assert len(set(found)) == 2


def test_an_id_that_repeats_with_other_content_is_refused_with_advice(desk: Desk) -> None:
    first, same, other = desk.read(DEALS, "Deal ID,Changed,Next\n" + 2 * "12,2026-03-01 10:00,a\n" + "12,2026-03-02 10:00,b\n")
    assert body(first) == body(same)
    assert other.body is None
    assert other.reason is not None
    assert 'add the time of the change to the id, such as id: "{Deal ID}-{Last Modified}"' in other.reason


def test_an_id_that_repeats_in_another_file_of_the_run_is_seen_too(desk: Desk) -> None:
    found = desk.read(DEALS, "Deal ID,Changed,Next\n12,2026-03-01 10:00,a\n", "Deal ID,Changed,Next\n12,2026-03-01 10:00,b\n")
    assert [one.reason is None for one in found] == [True, False]


def test_no_row_goes_in_under_the_id_of_one_above_that_could_not_be_read(desk: Desk) -> None:
    bad, other, again, free = desk.read(DEALS, "Deal ID,Changed,Next\n12,soon,a\n12,2026-03-02 10:00,b\n12,soon,a\n13,2026-03-02 10:00,b\n")
    assert other.body is None
    assert 'its id "12" was there before in a row that could not be read' in (other.reason or "")
    assert [known_of(one.meant)[0].get("id") for one in (bad, other, again)] == ["12", None, "12"]
    assert free.reason is None


# --- rows that can't be read


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"12,2026-03-01 10:00,a,b", '4 cells, where the header has 3 columns: none for "b"'),
        (b"12,2026-03-01 10:00,caf\xe9", "not UTF-8; save the file as CSV UTF-8"),
        (b"12,2026-03-01 10:00,a\0b", "holds a NUL byte"),
        (b'12,2026-03-01 10:00,"a"b', "not CSV: ',' expected after '\"'"),
        (b",2026-03-01 10:00,a", "deal_updated: id '{Deal ID}' is blank"),
        (b"12,,a", "deal_updated: time 'Changed' is blank"),
        (b"12,31/02/2026,a", 'deal_updated: Changed: "31/02/2026" is no time in the format iso'),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_the_reason_and_the_rest_goes_on(desk: Desk, row: bytes, reason: str) -> None:
    bad, good = desk.read(DEALS, b"Deal ID,Changed,Next\n" + row + b"\r\n13,2026-03-01 10:00,b\n")
    assert (bad.raw, bad.body, bad.reason, bad.place) == (row, None, reason, "crm.csv:2")
    assert (body(good)["id"], good.place) == ("13", "crm.csv:3")


def test_a_quote_that_never_closes_costs_one_row_not_the_rest_of_the_file(desk: Desk) -> None:
    rows = "".join(f"{n},2026-03-01 10:00,a\n" for n in range(20_000))
    bad, *good = desk.read(DEALS, f'Deal ID,Changed,Next\nx,2026-03-01 10:00,"an inch"" or\n{rows}')
    assert bad.reason == "not CSV: a quote is opened and not closed, or a cell is longer than 128 KiB"
    assert len(good) == 20_000
    assert (good[0].place, good[-1].place) == ("crm.csv:3", "crm.csv:20002")


@pytest.mark.parametrize("length", [ROW_BYTES_MAX, 3_000_000, LINE_BYTES_MAX + 1])
def test_a_line_too_long_for_a_row_is_kept_and_the_next_one_read(desk: Desk, length: int) -> None:
    line = b"12,2026-03-01 10:00,".ljust(length, b"a")
    bad, good = desk.read(DEALS, b"Deal ID,Changed,Next\r\n" + line + b"\r\n13,2026-03-01 10:00,b\r\n")
    assert (bad.body, bad.reason) == (None, "a row longer than 1048576 bytes")
    is_kept = length <= LINE_BYTES_MAX
    assert bad.raw == (line if is_kept else line[:BEGINNING_BYTES])
    assert bad.whole == (None if is_kept else WholeRecord(length, sha256(line).hexdigest()))
    assert (body(good)["id"], good.place) == ("13", "crm.csv:3")


def test_a_row_that_goes_on_over_lines_for_ever_is_kept_in_rows_of_a_bounded_size(desk: Desk) -> None:
    lines = b'x","y\n' * 700_000
    *bad, good = desk.read(DEALS, b'Deal ID,Changed,Next\n1,"y\n' + lines + b'"\n13,2026-03-01 10:00,b\n')
    assert b"\n".join(one.raw for one in bad) == b'1,"y\n' + lines + b'"'
    assert max(len(one.raw) for one in bad) <= ROW_BYTES_MAX + 100
    assert body(good)["id"] == "13"


def test_a_long_line_behind_an_open_quote_is_a_row_of_its_own(desk: Desk) -> None:
    long = b"z" * 2_000_000
    opened, bad, good = desk.read(DEALS, b'Deal ID,Changed,Next\n1,"y\n' + long + b"\n13,2026-03-01 10:00,b\n")
    assert (opened.raw, opened.body, bad.raw, bad.place) == (b'1,"y', None, long, "crm.csv:3")
    assert (body(good)["id"], good.place) == ("13", "crm.csv:4")


def test_a_line_to_skip_may_be_of_any_length(desk: Desk) -> None:
    (good,) = desk.read(
        f"skip_lines: 2\n{DEALS}", b"\xef\xbb\xbf" + b"x" * 3_000_000 + b"\n\nDeal ID,Changed,Next\n13,2026-03-01 10:00,b\n"
    )
    assert (body(good)["id"], good.place) == ("13", "crm.csv:4")


def test_quoted_line_breaks_quotes_and_delimiters_are_part_of_a_cell(desk: Desk) -> None:
    found = desk.read(DEALS, 'Deal ID,Changed,Next\r\n12,2026-03-01 10:00,"say ""yes"",\r\nthen, call"\r\n13,2026-03-01 10:00,b\r\n')
    assert body(found[0])["data"]["next_step"] == 'say "yes",\r\nthen, call'
    assert [one.place for one in found] == ["crm.csv:2", "crm.csv:4"]
    assert found[0].raw == b'12,2026-03-01 10:00,"say ""yes"",\r\nthen, call"'


@pytest.mark.parametrize(("delimiter", "sign"), [('";"', ";"), ("tab", "\t"), ('"\\t"', "\t"), ('"|"', "|")])
def test_cells_may_be_apart_by_other_signs_that_the_map_states_or_the_first_line_shows(desk: Desk, delimiter: str, sign: str) -> None:
    for text in (f"delimiter: {delimiter}\n{DEALS}", DEALS):
        (found,) = desk.read(text, "Deal ID,Changed,Next\n12,2026-03-01 10:00,a\n".replace(",", sign))
        assert body(found)["data"]["next_step"] == "a"


def test_a_sign_within_the_name_of_a_column_parts_nothing(desk: Desk) -> None:
    (found,) = desk.read(DEALS, "Deal ID,Changed,Next,a;b;c;d;e\n12,2026-03-01 10:00,a;b\n")
    assert body(found)["data"]["next_step"] == "a;b"


def test_a_byte_order_mark_is_no_part_of_the_first_column(desk: Desk) -> None:
    assert len(desk.read(DEALS, b"\xef\xbb\xbfDeal ID,Changed,Next\n12,2026-03-01 10:00,a\n")) == 1


def test_a_row_of_which_one_touchpoint_fails_still_gives_the_other(desk: Desk) -> None:
    text = """\
    touchpoints:
      - {type: signed_up, id: "{Id}", subject: "user:{Id}", time: T}
      - {type: custom, id: "{Id}-c", subject: "user:{Id}", time: T, data: {name: x, value: {from: Value, number: true}, currency: EUR}}
    """
    good, bad = desk.read(text, "Id,T,Value\n1,2026-01-01T00:00:00Z,many\n")
    assert body(good)["type"] == "signed_up"
    assert bad.reason == 'custom: Value: "many" is no number'
    assert bad.raw == good.raw


@settings(deadline=None)
@given(content=st.binary(max_size=400))
def test_no_file_whatever_makes_more_than_records_and_refusals(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    desk = Desk(tmp_path_factory.mktemp("any"))
    found = desk.read(DEALS, b"Deal ID,Changed,Next\n" + content)
    assert all((one.body is None) != (one.reason is None) for one in found)
    assert ids([one for one in found if one.body]) == ids(
        [one for one in desk.read(DEALS, b"Deal ID,Changed,Next\n" + content) if one.body]
    )
