"""A map that can't be used, or a file that does not fit it, is refused before the first row, in words that say what was meant."""

import os
from pathlib import Path

import pytest

from journey.errors import Refused
from schemas.csv_map import load_map
from tests.schemas.csv_desk import DEALS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("type: deal_update", "type: deal_updated",
         "crm.yaml:3: touchpoints, number 1, type: there is no touchpoint type 'deal_update'; did you mean 'deal_updated'?"),
        ("subjct:", "subject:", "crm.yaml:5: touchpoints, number 1: unknown key 'subjct'; did you mean 'subject'?"),
        ('"deal:{Deal ID}"\n    time', '"user:{Deal ID}"\n    time', None),
        ("time: {from: Changed, format: DD/MM/YYYY}", "time: Changed", "'DD/MM/YYYY' is no format; did you mean '%d/%m/%Y'?"),
        ('time: {from: Changed, format: "%d/%m"}', "time: Changed", "'%d/%m' names no whole date"),
        ('time: {from: Changed, format: "%d/%m/%Q"}', "time: Changed", "%Q in '%d/%m/%Q' is no part of a time format"),
        ('time: {from: Changed, format: "%d/%m/%Y %H:%M %p"}', "time: Changed", "and %p would say nothing: write %I"),
        ('time: {from: Changed, format: "%d/%m/%Y %I:%M"}', "time: Changed", "nothing says of which half of the day: write %H, or add %p"),
        ("time: {from: Changed, zone: Europe/Belrin}", "time: Changed", "'Europe/Belrin' is no time zone; did you mean 'Europe/Berlin'?"),
        ("time: {from: Changed, plus: soon}", "time: Changed", "'soon' is not a length of time"),
        ("deal: {Deal ID}", 'deal: "{Deal ID}"', 'a text with braces goes in quotes: "{Deal ID}"'),
        ("deal: {Deal ID}-x", 'deal: "{Deal ID}"', 'not YAML: '),
        ('deal: "{Deal ID"', 'deal: "{Deal ID}"', "crm.yaml:8: touchpoints, number 1, data, deal: a brace stands alone in '{Deal ID'"),
        ('deal: "{item}"', 'deal: "{Deal ID}"', "crm.yaml:8: touchpoints, number 1: {item} in '{item}' stands for a piece of a list"),
        ("deal:", 'deal: "{Deal ID}"', "nothing stands here; leave the line out"),
        ("deal: {form: Deal ID, number: true}", 'deal: "{Deal ID}"', "unknown key 'form'; did you mean 'from'?"),
        ("deal: {from: Deal ID, number: true, boolean: true}", 'deal: "{Deal ID}"',
         "a cell is read in one way, here are number and boolean"),
        ("deal: {from: Deal ID, each: x}", 'deal: "{Deal ID}"', "`each` is for the pieces of a `list`"),
        ("deal: {from: Deal ID, else: skip}", 'deal: "{Deal ID}"', "`else` says what to do with texts that are not among `values`"),
        ("deal: {from: Deal ID, number: maybe}", 'deal: "{Deal ID}"',
         "crm.yaml:8: touchpoints, number 1, data, deal, number: write `number: true`"),
        ("when: {Next: {}}\n    data:", "data:", "one of is, starts, filled, not is wanted here"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_used_is_refused_with_the_line_and_what_was_meant(
    desk: Desk, wrong: str, right: str, told: str | None
) -> None:
    told = told or "crm.yaml:5: touchpoints, number 1: a subject starts with its kind, and deal_updated is about deal: not 'user:{Deal ID}'"
    text = DEALS.replace(right, wrong) if right in DEALS else DEALS.replace(wrong, right)
    assert told in desk.refusal(text)


def test_all_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    told = desk.refusal(DEALS.replace("type: deal_updated", "type: deal").replace("time: Changed", "time: {form: Changed}"))
    assert [line.split(": ")[0] for line in told.splitlines()] == ["crm.yaml:3", "crm.yaml:6"]


def test_a_type_whose_fields_are_not_all_mapped_is_refused(desk: Desk) -> None:
    told = desk.refusal('touchpoints: [{type: close, subject: "deal:{A}", time: T, data: {deal: "{A}", outcome: won}}]')
    assert told == "crm.yaml:1: touchpoints, number 1: close needs amount, currency in its data"


def test_a_time_whose_zone_nobody_states_is_refused(desk: Desk) -> None:
    told = desk.refusal('touchpoints:\n  - {type: custom, subject: "user:1", data: {name: x},\n     time: {from: T, format: "%d/%m/%Y"}}')
    assert told == "crm.yaml:3: 'T' has no zone: state one, such as `zone: Europe/Berlin`, for this time or for the map"


def test_two_touchpoints_of_one_row_with_one_id_are_refused(desk: Desk) -> None:
    touch = '{type: custom, id: "{A}", subject: "user:1", time: T, data: {name: x}}'
    assert "crm.yaml:3: two touchpoints of one row have the same id '{A}'; give each its own, such as \"{A}-custom\"" in desk.refusal(
        f"touchpoints:\n  - {touch}\n  - {touch}"
    )


def test_a_column_that_the_file_lacks_is_refused_before_the_first_row(desk: Desk) -> None:
    told = desk.refusal(DEALS, "Deal Id,Changed,Next\n12,2026-03-01 10:00,a\n")
    assert told == "crm.yaml:4: column 'Deal ID' is not in crm.csv; did you mean 'Deal Id'?; crm.csv has Deal Id, Changed, Next"


def test_a_file_whose_cells_are_apart_by_another_sign_is_told_so(desk: Desk) -> None:
    assert 'state `delimiter: ";"`' in desk.refusal(f'delimiter: ","\n{DEALS}', "Deal ID;Changed;Next\n")
    told = desk.refusal(DEALS, "Deal;Changed;Next\n")
    assert "column 'Deal ID' is not in crm.csv" in told, "what is there is told by its own name"
    assert told.endswith("crm.csv has Deal, Changed, Next")


def test_of_many_columns_some_are_named_and_of_what_seems_a_row_nothing(desk: Desk) -> None:
    told = desk.refusal(DEALS, ",".join(["Deal", *(f"C{at}" for at in range(40))]))
    assert told.endswith("crm.csv has Deal, C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10 and 29 more")
    for first in ("Ann Lee,ann@example.com,x", "Ann Lee,+49 170 1234567,x", "7,2026-03-01,Ann Lee", "Ann Lee,$5.00"):
        told = desk.refusal(DEALS, f"{first}\n")
        assert (
            told
            == "crm.yaml:4: column 'Deal ID' is not in crm.csv, whose first line seems to hold data; the first line has to name the columns"
        )


def test_a_pipe_is_no_file_that_a_map_reads(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe")
    with pytest.raises(Refused, match="is a pipe, which can be read but once, and a map reads files"):
        desk.map(DEALS).read([desk.folder / "pipe"])


def test_a_column_that_is_there_twice_is_refused_if_the_map_reads_it(desk: Desk) -> None:
    assert "column 'Next' is there more than once in crm.csv" in desk.refusal(DEALS, "Deal ID,Changed,Next,Next\n")
    assert desk.read(DEALS, "Deal ID,Changed,Next,Other,Other\n") == []


def test_a_column_named_row_is_not_mistaken_for_the_number_of_the_row(desk: Desk) -> None:
    text = 'touchpoints: [{type: custom, subject: "user:{row}", time: T, data: {name: x}}]'
    assert "{row} is the number of the row, and crm.csv has a column of that name" in desk.refusal(text, "T,row\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "crm.csv is empty; its first line has to name the columns"),
        ("Deal ID,Changed,Next\n".encode("utf-16-le"), "save the file as CSV UTF-8"),
        ("Größe,Changed,Next\n".encode("latin-1"), "save the file as CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(desk: Desk, content: bytes, told: str) -> None:
    assert told in desk.refusal(DEALS, content)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "crm.yaml: there is nothing in it"),
        ("- a\n", "crm.yaml:1: keys and values are wanted here"),
        ("touchpoints: []\n", "crm.yaml:1: touchpoints: there is nothing in it"),
        ("name: x\n", "either `touchpoints` for all files, or `files`"),
        ("name: x\nname: y\n", "crm.yaml:2: 'name' is there twice"),
        ("a: [\n", "crm.yaml:2: is not YAML: "),
        ("a: &x 1\nb: *x\n", "crm.yaml:1: anchors are not read here, write it out"),
        ("delimiter: \"+\"\n" + DEALS, "crm.yaml:1: delimiter: "),
        ("zone: '{Z}'\n", """zone: '{Z}': a zone from a column stands within `time:`, such as {from: Date, zone: "{Z}"}"""),
        ("zone: 'Mars'\n", "crm.yaml:1: zone: 'Mars' is no time zone"),
        ("[" * 1000, "crm.yaml"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_map_is_refused(desk: Desk, text: str, told: str) -> None:
    assert told in desk.refusal(text)


def test_a_file_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="No such file"):
        load_map(desk.folder / "none.yaml")
    with pytest.raises(Refused, match="No such file"):
        desk.map(DEALS).read([desk.folder / "none.csv"])
    with pytest.raises(Refused, match="directory"):
        desk.map(DEALS).read([desk.folder])
