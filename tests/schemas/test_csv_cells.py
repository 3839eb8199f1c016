"""Cells are read as the map says: times, numbers, dates, lists and values; or the row is kept with the reason."""

from pathlib import Path
from typing import Any

import pytest

from tests.schemas.csv_desk import Desk, body


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def field(desk: Desk, spec: str, cell: str, settings: str = "") -> Any:
    """What field `x` is, by `spec`, for a cell of column A; the reason, where it can't be read."""
    text = f"""\
{settings}
touchpoints:
  - {{type: custom, subject: "user:1", time: T, data: {{name: x, x: {spec}}}}}
"""
    quoted = cell.replace('"', '""')
    (incoming,) = desk.read(text, f'T,A\n2026-01-01T00:00:00Z,"{quoted}"\n')
    return incoming.reason if incoming.reason else body(incoming)["data"].get("x")


def at(desk: Desk, time: str, cell: str) -> str:
    """The time of a touchpoint, by `time`, for a cell of column T; the reason, where it can't be read."""
    (incoming,) = desk.read(f'touchpoints:\n  - {{type: custom, subject: "user:1", time: {time}, data: {{name: x}}}}\n', f'T\n"{cell}"\n')
    return incoming.reason or body(incoming)["time"]


# --- times


@pytest.mark.parametrize(
    ("time", "cell", "expected"),
    [
        ("T", "2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00Z"),
        ("T", "2026-03-01T10:00:00.25Z", "2026-03-01T10:00:00.250000Z"),
        ("{from: T, zone: America/New_York}", "2026-03-01 10:00", "2026-03-01T15:00:00Z"),
        ("{from: T, zone: America/New_York}", "2026-03-01T10:00Z", "2026-03-01T10:00:00Z"),
        ("{from: T, zone: UTC}", "2026-03-01", "2026-03-01T00:00:00Z"),
        ('{from: T, format: ["%d/%m/%Y", iso], zone: UTC}', "02/03/2026", "2026-03-02T00:00:00Z"),
        ('{from: T, format: ["%d/%m/%Y", iso], zone: UTC}', "2026-03-02", "2026-03-02T00:00:00Z"),
        ('{from: T, format: "%m/%d/%Y %I:%M %p", zone: UTC}', "3/2/2026 1:05 PM", "2026-03-02T13:05:00Z"),
        ('{from: T, format: "%d.%m.%Y %H:%M %z"}', "02.03.2026 10:00 +0530", "2026-03-02T04:30:00Z"),
        ("{from: T, format: epoch_s}", "1772359200", "2026-03-01T10:00:00Z"),
        ("{from: T, format: epoch_s}", "1772359200.5", "2026-03-01T10:00:00.500000Z"),
        ("{from: T, format: epoch_ms}", "1772359200123", "2026-03-01T10:00:00.123000Z"),
        ("{from: T, zone: UTC, plus: 30m}", "2026-03-01 23:45", "2026-03-02T00:15:00Z"),
        ('{from: "{T} 10:00", zone: UTC}', "2026-03-01", "2026-03-01T10:00:00Z"),
        # The clocks of Berlin: 02:30 is skipped on 29 March, and there twice on 25 October.
        ("{from: T, zone: Europe/Berlin}", "2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        ("{from: T, zone: Europe/Berlin}", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("{from: T, zone: Europe/Berlin, plus: 24h}", "2026-03-28 12:00", "2026-03-29T11:00:00Z"),
    ],
)
def test_times_are_read_as_the_map_says_and_written_in_utc(desk: Desk, time: str, cell: str, expected: str) -> None:
    assert at(desk, time, cell) == expected


@pytest.mark.parametrize(
    ("time", "cell", "reason"),
    [
        ("T", "2026-03-01 10:00", "is a time without a zone: state `zone:` in the map"),
        ("{from: T, format: epoch_ms}", "1.77236E+12", "is no time in the format epoch_ms"),
        ("{from: T, format: epoch_s}", "9" * 40, "is no time in the format epoch_s"),
        ("{from: T, format: epoch_s}", "nan", "is no time in the format epoch_s"),
        ("{from: T, zone: UTC, plus: 2d}", "9999-12-31 00:00", "is a time beyond the year 9999"),
        ('{from: T, format: ["%d/%m/%Y", iso], zone: UTC}', "soon", "is no time in the format %d/%m/%Y or iso"),
    ],
)
def test_a_time_that_cannot_be_read_is_a_dead_letter(desk: Desk, time: str, cell: str, reason: str) -> None:
    assert at(desk, time, cell) == f'custom: T: "{cell}" {reason}'


# --- fields


@pytest.mark.parametrize(
    ("spec", "cell", "expected"),
    [
        ("{from: A, number: true}", "1204.50", "1204.50"),
        ("{from: A, number: true}", "+0012", "0012"),
        ("{from: A, number: true}", "-.5", "is no number"),
        ("{from: A, number: true}", "1,204.50", 'is no number; number: {decimal: "."} reads it'),
        ("{from: A, number: true}", "1e5", "is no number"),
        ("{from: A, number: true}", "\u0661\u0662", "is no number"),
        ('{from: A, number: {decimal: "."}}', "1,204.50", "1204.50"),
        ('{from: A, number: {decimal: "."}}', "1,20,450", "120450"),
        ('{from: A, number: {decimal: "."}}', "1,2", "is no number"),
        ('{from: A, number: {decimal: ","}}', "-1.204,50", "-1204.50"),
        ('{from: A, number: {decimal: ","}}', "12,5", "12.5"),
        ('{from: A, number: {decimal: ","}}', "1.2", 'is no number with "," before its decimals'),
        ('{from: A, number: {decimal: ",", thousands: " "}}', "1\u202f204,50", "1204.50"),
        ('{from: A, number: {thousands: "\'"}}', "1\u2019204.50", "1204.50"),
        ('{from: A, number: {thousands: ".", strip: ["€", EUR]}}', "€ 1.204,50", "1204.50"),
        ("{from: A, number: whole}", "48210", 48210),
        ("{from: A, number: whole}", "3.0", 3),
        ("{from: A, number: whole}", "3.5", "is no whole number"),
        ("{from: A, number: whole}", "9" * 20, "is a whole number beyond 2^53"),
        ("{from: A, number: true}", "9" * 40, "is a number of more than 28 digits"),
        ("{from: A, number: percent}", "12.5%", "0.125"),
        ("{from: A, number: percent}", "100", "1.00"),
        ("{from: A, boolean: true}", "YES", True),
        ("{from: A, boolean: true}", "0", False),
        ("{from: A, boolean: true}", "maybe", "is neither true nor false"),
        ("{from: A, boolean: {true: Ja, false: [Nein, no]}}", "nein", False),
        ("{from: A, date: iso}", "2026-03-01 23:30", "2026-03-01"),
        ('{from: A, date: ["%d/%m/%y", iso]}', "01/03/26", "2026-03-01"),
        ("{from: A, date: iso, zone: Asia/Tokyo}", "2026-03-01T20:00:00Z", "2026-03-02"),
        ("{from: A, date: iso}", "never", "is no time in the format iso"),
        ("{from: A, time: iso, zone: Asia/Tokyo}", "2026-03-01 09:00", "2026-03-01T00:00:00Z"),
        ('{from: A, list: ";"}', "a; b;;c ;", ["a", "b", "c"]),
        ('{from: A, list: ";"}', " ; ", None),
        ('{from: A, list: ",", each: {person: "user:{item}"}}', "1,2", [{"person": "user:1"}, {"person": "user:2"}]),
        ('{from: A, list: ",", each: "id-{item}"}', "1", ["id-1"]),
        ('{from: A, list: ",", values: {One: 1, Two: 2}, else: skip}', "two,three", [2]),
        ("{from: A, values: {Closed Won: won, Yes: lost}}", "closed won", "won"),
        ("{from: A, values: {Closed Won: won, Yes: lost}}", "yes", "lost"),
        ("{from: A, values: {a: b}}", "c", "is not among the map's `values`"),
        ("{from: A, values: {a: b}, else: skip}", "c", None),
        ("{from: A, values: {a: b}, else: keep}", "c", "c"),
        ("{from: A, values: {a: b}, blank: nothing}", "", "nothing"),
        ("{from: A, values: {a: false}}", "a", False),
        ('{from: A, list: ",", values: {One: 1}}', "one,two", 'custom: A: "two" is not among the map\'s `values`'),
        ('{from: A, list: ",", starts: {On: 1, "": 9}}', "one,two", [1, 9]),
        ('{from: A, list: ",", starts: {On: 1}, else: skip}', "one,two", [1]),
        ('{from: A, list: ",", starts: {On: 1}}', "one,two", 'custom: A: "two" begins like none of the map\'s `starts`'),
        ('{from: A, values: {a: ""}, blank: ""}', "a", ""),
        ('{from: A, values: {a: ""}, blank: ""}', "", ""),
        ('"{A | upper}"', " eur ", "EUR"),
        ('"{A}, really"', "Yes", "Yes, really"),
        ('"{A}, really"', "", None),
    ],
)
def test_a_cell_is_read_as_the_map_says(desk: Desk, spec: str, cell: str, expected: object) -> None:
    found = field(desk, spec, cell)
    assert found == expected or found == f'custom: A: "{cell}" {expected}'
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("(1,234.50)", "-1234.50"),
        ("-$25.00", "-25.00"),
        ("$(30.00)", "-30.00"),
        ("($182.77)", "-182.77"),
        ("\u221225.00", "-25.00"),
        ("25.00-", "-25.00"),
        ("$1,000.00", "1000.00"),
        ("$-9.13", "-9.13"),
        ("USD 5.00 -", "-5.00"),
        ("( 7 )", "-7"),
        ("+3", "3"),
        ("(-5)", "is no number"),
        ("--5", "is no number"),
        ("(5", "is no number"),
        ("()", "is no number"),
    ],
)
def test_an_amount_below_zero_is_read_however_an_export_writes_it(desk: Desk, cell: str, expected: str) -> None:
    found = field(desk, "{from: A, number: true}", cell, 'number: {decimal: ".", strip: ["$", USD]}')
    assert found in (expected, f'custom: A: "{cell}" {expected}')


@pytest.mark.parametrize(
    ("number", "cell", "cure"),
    [
        ("true", "8,400.50", 'number: {decimal: "."} reads it'),
        ("true", "1.204,50", 'number: {decimal: ","} reads it'),
        ("true", "1 204", 'number: {thousands: " "} reads it'),
        ("true", "1\u2019204.50", 'number: {thousands: "\'"} reads it'),
        ("true", "$25.00", 'number: {strip: ["$"]} reads it'),
        ("true", "-1.204,50 EUR", 'number: {decimal: ",", strip: ["EUR"]} reads it'),
        ("true", "12.5%", "number: percent reads it"),
        ("true", "1,204", 'number: {decimal: "."} reads it as 1204, number: {decimal: ","} reads it as 1.204'),
        ("whole", "1,204,000", 'number: {decimal: ".", whole: true} reads it'),
        ('{decimal: ",", strip: [x]}', "€ 5,20", 'number: {decimal: ",", strip: ["x", "€"]} reads it'),
    ],
)
def test_a_number_that_the_map_could_read_is_refused_with_what_to_write_there(desk: Desk, number: str, cell: str, cure: str) -> None:
    assert field(desk, f"{{from: A, number: {number}}}", cell).endswith(f"; {cure}")


def test_how_numbers_are_written_may_be_said_once_for_all(desk: Desk) -> None:
    assert field(desk, "{from: A, number: true}", "1.204,50", 'number: {decimal: ","}') == "1204.50"
    assert field(desk, '{from: A, number: {decimal: "."}}', "1,204.50", 'number: {decimal: ","}') == "1204.50"


def test_an_object_whose_columns_are_blank_is_left_out_with_its_constants(desk: Desk) -> None:
    spec = '[{person: "user:{A}", role: champion}, {person: "user:9", role: buyer}]'
    assert field(desk, spec, "") == [{"person": "user:9", "role": "buyer"}]
    assert field(desk, spec, "7")[0] == {"person": "user:7", "role": "champion"}


def test_a_text_that_stands_for_nothing_is_blank(desk: Desk) -> None:
    assert field(desk, '"{A}"', "--", 'blank_texts: ["--", n/a]') is None
    assert field(desk, '"{A}"', "-- or not", 'blank_texts: ["--", n/a]') == "-- or not"


def test_of_several_columns_the_first_that_is_filled_counts_and_is_named_in_the_reason(desk: Desk) -> None:
    text = """\
    optional_columns: [Gone]
    touchpoints:
      - type: custom
        id: {first: ["{Id}", "{row}-none"]}
        subject: {first: ["user:{Email | trim | lower}", "anon:{Cookie}"]}
        time: {first: [Late, "{Day}T00:00:00Z"]}
        data: {name: x, value: {first: [Gone, A, B], number: true}, currency: EUR, texts: {first: [a, b], other: c}}
    """
    header = "Id,Email,Cookie,Late,Day,A,B"
    rows = ("1,Ana@X.example,c1,,2026-01-01,,7", ",,c2,2026-01-02T00:00:00Z,2026-01-01,5,", "3,,,,2026-01-01,1,", "4,e,,,2026-01-01,,x")
    first, second, nobody, wrong = desk.read(text, "\n".join((header, *rows)))
    assert [body(one)["subject"] for one in (first, second)] == ["user:ana@x.example", "anon:c2"]
    assert [body(one)["id"] for one in (first, second)] == ["1", "1-none"]
    assert [body(one)["time"] for one in (first, second)] == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert [body(one)["data"]["value"] for one in (first, second)] == ["7", "5"]
    # An object may have a field of that name.
    assert body(first)["data"]["texts"] == {"first": ["a", "b"], "other": "c"}
    assert nobody.reason == "custom: subject 'user:{Email | trim | lower}' or 'anon:{Cookie}' is blank"
    assert wrong.reason == 'custom: B: "x" is no number'


def test_a_reason_shows_a_bounded_part_of_a_cell_on_one_line(desk: Desk) -> None:
    found = field(desk, "{from: A, number: true}", "a\nb" + "x" * 500)
    assert found == 'custom: A: "a\\nb' + "x" * 57 + '…" is no number'


def test_all_cells_of_a_row_that_cannot_be_read_are_told_at_once(desk: Desk) -> None:
    text = 'touchpoints: [{type: custom, subject: "user:1", time: T, data: {name: x, a: {from: A, number: true}, b: {from: B, date: iso}}}]'
    (found,) = desk.read(text, "T,A,B\nnow,many,soon\n")
    assert found.reason == ('custom: T: "now" is no time in the format iso; A: "many" is no number; B: "soon" is no time in the format iso')


@pytest.mark.parametrize("spec", ['"{Currency | upper}"', "{from: Currency}"])
def test_a_currency_that_is_none_is_told_with_its_column(desk: Desk, spec: str) -> None:
    text = f'touchpoints: [{{type: custom, subject: "user:1", time: T, data: {{name: x, currency: {spec}}}}}]'
    (found,) = desk.read(text, "T,Currency\n2026-03-01T10:00:00Z,XX\n")
    assert found.reason == 'custom: Currency: "XX" is no currency of ISO 4217: three letters, such as EUR'


@pytest.mark.parametrize(
    ("cell", "cure"),
    [
        ("07/31/2026", '; `format: "%m/%d/%Y"` reads it'),
        ("31.07.2026 14:05", '; `format: "%d.%m.%Y %H:%M"` reads it'),
        ("07/31/2026 2:05 PM", '; `format: "%m/%d/%Y %I:%M %p"` reads it'),
        ("07/03/2026", '; `format: "%m/%d/%Y"` reads it as 2026-07-03, `format: "%d/%m/%Y"` reads it as 2026-03-07'),
        ("1772359200", '; `format: "epoch_s"` reads it'),
        ("soon", ""),
        ("12", ""),
    ],
)
def test_a_time_in_another_format_is_told_with_what_reads_it(desk: Desk, cell: str, cure: str) -> None:
    text = 'zone: UTC\ntouchpoints: [{type: custom, subject: "user:1", time: T, data: {name: x}}]'
    (found,) = desk.read(text, f"T\n{cell}\n")
    assert found.reason == f'custom: T: "{cell}" is no time in the format iso{cure}'
    assert found.kind == "custom: T: is no time in the format iso"


def test_a_date_of_iso_is_told_to_be_one(desk: Desk) -> None:
    text = 'zone: UTC\ntouchpoints: [{type: custom, subject: "user:1", time: {from: T, format: "%d.%m.%Y"}, data: {name: x}}]'
    (found,) = desk.read(text, "T\n2026-03-01\n")
    assert (found.reason or "").endswith('; `format: "iso"` reads it')


def test_a_date_in_another_format_is_told_with_the_key_that_it_stands_under(desk: Desk) -> None:
    dates = "due: {from: D, date: iso}, at: {from: D, time: iso, zone: UTC}"
    text = f'touchpoints: [{{type: custom, subject: "user:1", time: T, data: {{name: x, {dates}}}}}]'
    (found,) = desk.read(text, "T,D\n2026-03-01T10:00:00Z,07/31/2026\n")
    assert [part in (found.reason or "") for part in ('`date: "%m/%d/%Y"` reads it', '`time: "%m/%d/%Y"` reads it')] == [True, True]
