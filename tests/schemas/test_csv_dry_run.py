"""A dry run says what a map would make of files, what it can't read, and what may be read wrong."""

from pathlib import Path

import pytest

from schemas.csv_dry_run import UnknownTexts, dry_run
from schemas.decode import decode
from schemas.noticed import NOTICED_MAX, OTHERS, Noticed
from tests.schemas.csv_desk import DEALS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_dry_run_tells_counts_dead_letters_and_what_no_row_filled(desk: Desk) -> None:
    crm = desk.map("""\
    zone: UTC
    touchpoints:
      - type: deal_updated
        id: "{Id}"
        subject: "deal:{Id}"
        time: T
        data: {deal: "{Id}", next_step: "{Next}", owner: "{Owner}", forecast_categori: "{Owner}", probability: {from: P, number: true}}
      - {type: deal_reopened, id: "{Id}-re", subject: "deal:{Id}", time: T, when: {Next: Again}, data: {deal: "{Id}", stage: "{Next}"}}
    """)
    file = desk.file("Id,T,Next,Owner,P\n1,2026-01-01,a,,0.5\n2,2026-01-01,b,,7\n3,never,c,,\n4,never,d,,\n")
    found = dry_run(crm, [file], decode)
    assert found.counts == {"deal_updated": 1, "deal_reopened": 0}
    by_number = sorted((dead.count, dead.first, reason.split(":")[0]) for reason, dead in found.dead.items())
    assert by_number == [(1, "crm.csv:3", "wrong-value"), (2, "crm.csv:4", "deal_updated")]
    assert found.unfilled == [
        "deal_updated.owner", "deal_updated.forecast_categori", "deal_reopened.deal", "deal_reopened.stage",
    ]  # fmt: skip
    assert found.unnamed == {"deal_updated.forecast_categori": "forecast_category"}


VALUES = """\
touchpoints:
  - type: deal_updated
    id: "{Id}"
    subject: "deal:{Id}"
    time: T
    data:
      deal: "{Id}"
      stage: {from: Stage, values: {Won: won}, else: %s}
      amount: {from: Value, number: true}
      currency: EUR
"""


def test_reasons_that_differ_in_the_cell_alone_are_one_with_the_first_as_its_example(desk: Desk) -> None:
    file = desk.file(
        'Id,T,Stage,Value\n1,2026-01-01T00:00:00Z,Won,"8,400.50"\n2,2026-01-01T00:00:00Z,Won,"1,204"\n3,2026-01-01T00:00:00Z,Won,1,a\n4,2026-01-01T00:00:00Z,Won,1,b\n'
    )
    found = dry_run(desk.map(VALUES % "error"), [file], decode)
    assert [(reason, dead.first, dead.count) for reason, dead in found.dead.items()] == [
        ('deal_updated: Value: "8,400.50" is no number; number: {decimal: "."} reads it', "crm.csv:2", 2),
        ('5 cells, where the header has 4 columns: none for "a"', "crm.csv:4", 2),
    ]


@pytest.mark.parametrize("otherwise", ["error", "skip", "keep"])
def test_texts_that_no_entry_knows_are_counted_whatever_is_done_with_them(desk: Desk, otherwise: str) -> None:
    rows = "".join(f"{n},{time},{stage},{value}\n" for n, (time, stage, value) in enumerate([
        ("2026-01-01T00:00Z", "Offer", 1), ("2026-01-01T00:00Z", "won", 1), ("2026-01-01T00:00Z", "Angebot", 1), ("soon", "Offer", 1),
        ("2026-01-01T00:00Z", "Offer", "x"),
    ]))  # fmt: skip
    found = dry_run(desk.map(VALUES % otherwise), [desk.file(f"Id,T,Stage,Value\n{rows}")], decode)
    assert found.unknown == [UnknownTexts("deal_updated.stage", "values", {"Offer": 3, "Angebot": 1})]


def test_texts_that_no_entry_knows_are_told_apart_up_to_a_bound() -> None:
    noticed = Noticed()
    for n in range(NOTICED_MAX + 5):
        noticed.note_unknown("deal_updated.stage", "values", f"stage {n}")
    assert noticed.unknown["deal_updated.stage", "values"][OTHERS] == 5


TWO_FORMATS = DEALS.replace("time: Changed", 'time: {from: Changed, format: ["%d/%m/%Y", "%m/%d/%Y"]}')


def test_cells_that_two_formats_of_a_rule_read_differently_are_told_once_with_an_example(desk: Desk) -> None:
    # Two touchpoints of a row read the same cell.
    touch = TWO_FORMATS.split("touchpoints:\n")[1]
    both = TWO_FORMATS + touch.replace('id: "{Deal ID}"', 'id: "{Deal ID}-2"')
    rows = "1,03/04/2026,a\n2,03/04/2026,b\n3,05/05/2026,c\n4,31/05/2026,d\n5,05/31/2026,e\n6,02/01/2026,f\n"
    found = dry_run(desk.map(both), [desk.file(f"Deal ID,Changed,Next\n{rows}")], decode)
    assert found.noticed.warnings() == [
        'Changed: "03/04/2026" (crm.csv:2) is read as 2026-04-03 by %d/%m/%Y, and 2026-03-04 fits %m/%d/%Y too (3 cells)'
    ]
    assert found.dead == {}


@pytest.mark.parametrize(
    ("formats", "cell"),
    [
        ('["%d/%m/%Y", "%m/%d/%Y"]', "13/04/2026"),
        ('["%Y %b %d", "%Y %B %d"]', "2026 May 3"),
        ('["%d/%m/%Y"]', "03/04/2026"),
    ],
)
def test_a_cell_that_can_be_read_in_one_way_only_is_no_reason_to_warn(desk: Desk, formats: str, cell: str) -> None:
    noticed = Noticed()
    text = DEALS.replace("time: Changed", f"time: {{from: Changed, format: {formats}}}")
    (found,) = desk.map(text).read([desk.file(f"Deal ID,Changed,Next\n1,{cell},a\n")], noticed)
    assert found.body is not None
    assert noticed.warnings() == []


def test_a_date_that_two_formats_read_differently_is_told_too(desk: Desk) -> None:
    noticed = Noticed()
    text = DEALS.replace('"{Next}"', '{from: Next, date: ["%d.%m.%y", "%m.%d.%y"]}')
    list(desk.map(text).read([desk.file("Deal ID,Changed,Next\n1,2026-01-01,01.02.26\n")], noticed))
    assert noticed.warnings() == [
        'Next: "01.02.26" (crm.csv:2) is read as 2026-02-01 by %d.%m.%y, and 2026-01-02 fits %m.%d.%y too (1 cell)'
    ]


AMOUNTS = DEALS.replace('next_step: "{Next}"', "amount: {from: Next, number: true}\n      currency: EUR")


def amounts_warned(desk: Desk, text: str, *cells: str) -> list[str]:
    rows = "".join(f'{at},2026-03-01 10:00,"{cell}"\n' for at, cell in enumerate(cells))
    found = dry_run(desk.map(text), [desk.file(f"Deal ID,Changed,Next\n{rows}")], decode)
    return found.noticed.warnings()


@pytest.mark.parametrize(
    ("decimal", "cell", "other", "read_as", "cure"),
    [(None, "24.000", "5", "24.000", ","), (".", "-24.500", "5", "-24.500", ","), (",", "24,000", "24.000", "24.000", ".")],
)
def test_thousands_of_another_country_that_are_read_as_decimals_are_told_once(
    desk: Desk, decimal: str | None, cell: str, other: str, read_as: str, cure: str
) -> None:
    # A map that ships states it for everybody.
    text = AMOUNTS if decimal is None else f'number: {{decimal: "{decimal}"}}\n{AMOUNTS}'
    meant = f"{int(read_as.replace('.', '')):,}".replace(",", " ")
    assert amounts_warned(desk, text, other, cell, cell) == [
        f'Next: "{cell}" (crm.csv:3) is read as {read_as}; if {meant} is meant, say `number: {{decimal: "{cure}"}}` in the map (2 cells)'
    ]


@pytest.mark.parametrize("cells", [("24.000", "8.5"), ("0.125", "1.250"), ("1.250", "1250.125"), ("24.00",), ("24000",)])
def test_decimals_that_are_no_thousands_are_no_reason_to_warn(desk: Desk, cells: tuple[str, ...]) -> None:
    assert amounts_warned(desk, AMOUNTS, *cells) == []


def test_each_file_says_for_itself_whether_its_points_are_of_thousands(desk: Desk) -> None:
    noticed = Noticed()
    files = [desk.file(f"Deal ID,Changed,Next\n{at},2026-03-01 10:00,{cell}\n", f"{at}.csv") for at, cell in ((1, "8.5"), (2, "24.000"))]
    list(desk.map(AMOUNTS).read(files, noticed))
    assert [one.partition(" is read")[0] for one in noticed.warnings()] == ['Next: "24.000" (2.csv:2)']
