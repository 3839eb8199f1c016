"""Whose clock a time is on may stand in a column, or in the time itself; a time may be the same for all rows."""

from pathlib import Path

import pytest

from tests.schemas.csv_desk import Desk, body


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


PAYPAL = """\
{settings}
touchpoints:
  - type: order_placed
    id: "{{Id}}"
    subject: "user:{{Name}}"
    time: {time}
    data: {{order: "{{Id}}", amount: {{from: Gross, number: {{decimal: "."}}}}, currency: "{{Currency | upper}}"}}
"""
COLUMN = '{from: "{Date} {Time}", format: "%m/%d/%Y %H:%M:%S", zone: "{TimeZone}"}'
LETTERS = '{from: "{Date} {Time} {TimeZone}", format: "%m/%d/%Y %H:%M:%S %Z"}'


def at(desk: Desk, time: str, zone: str, settings: str = "", clock: str = "01:30:00", day: str = "11/01/2026") -> str:
    text = PAYPAL.format(settings=settings, time=time)
    (found,) = desk.read(text, f'Date,Time,TimeZone,Name,Currency,Gross,Id\n{day},{clock},{zone},Bo,usd,"1,250.00",9AC\n')
    return found.reason or str(body(found)["time"])


@pytest.mark.parametrize("time", [COLUMN, LETTERS])
@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("PST", "09:30"), ("PDT", "08:30"), ("pst", "09:30"), ("MST", "08:30"), ("CST", "07:30"), ("EDT", "05:30"), ("GMT", "01:30"),
        ("UTC", "01:30"), ("CET", "00:30"), ("America/Los_Angeles", "08:30"), ("america/los_angeles", "08:30"), ("-08:00", "09:30"),
        ("UTC-8", "09:30"), ("GMT-0800", "09:30"), ("\u22128", "09:30"), ("Etc/GMT+8", "09:30"),
    ],
)  # fmt: skip
def test_the_zone_of_a_row_is_read_in_whatever_way_it_is_written(desk: Desk, time: str, zone: str, expected: str) -> None:
    assert at(desk, time, zone) == f"2026-11-01T{expected}:00Z"


def test_of_two_equal_times_in_the_night_of_the_change_the_letters_say_which(desk: Desk) -> None:
    own = "zone: America/Los_Angeles"
    assert [at(desk, COLUMN, zone, own) for zone in ("PDT", "PST")] == ["2026-11-01T08:30:00Z", "2026-11-01T09:30:00Z"]
    assert [at(desk, LETTERS, zone, own) for zone in ("PDT", "PST")] == ["2026-11-01T08:30:00Z", "2026-11-01T09:30:00Z"]


@pytest.mark.parametrize(
    ("letters", "own", "expected"),
    [
        ("BST", "Europe/London", "2026-07-01T00:30:00Z"),
        ("IST", "Asia/Kolkata", "2026-06-30T20:00:00Z"),
        ("IST", "Asia/Jerusalem", "order_placed: {Date} {Time}: {TimeZone}: \"IST\" means several time zones"),
        ("CST", "Asia/Shanghai", "2026-06-30T17:30:00Z"),
        ("CST", "Europe/Berlin", "2026-07-01T07:30:00Z"),
        ("BST", "UTC", "order_placed: {Date} {Time}: {TimeZone}: \"BST\" means several time zones"),
    ],
)  # fmt: skip
def test_letters_that_several_zones_use_are_those_of_the_maps_own_or_are_refused(desk: Desk, letters: str, own: str, expected: str) -> None:
    assert at(desk, COLUMN, letters, f"zone: {own}", day="07/01/2026").startswith(expected)


def test_a_row_without_a_zone_is_on_the_maps_clock_or_a_dead_letter(desk: Desk) -> None:
    assert at(desk, COLUMN, "", "zone: Europe/Berlin") == "2026-11-01T00:30:00Z"
    assert at(desk, COLUMN, "") == (
        'order_placed: {Date} {Time}: "11/01/2026 01:30:00" is a time without a zone, and {TimeZone} is blank: state `zone:` in the map'
    )


@pytest.mark.parametrize("zone", ["XYZ", "UTC+99", "../../etc/passwd", "Europe/Belrin", "\u0661"])
def test_a_zone_that_nobody_knows_is_a_dead_letter_with_the_cell(desk: Desk, zone: str) -> None:
    assert f'{{TimeZone}}: "{zone}" is no time zone that is known' in at(desk, COLUMN, zone)


@pytest.mark.parametrize(
    ("format", "cell", "expected"),
    [
        ("%a %b %d %H:%M:%S %Z %Y", "Sun Nov  1 01:30:00 PST 2026", "2026-11-01T09:30:00Z"),
        ("%Y-%m-%d %I:%M %p %Z", "2026-11-01 01:30 PM EST", "2026-11-01T18:30:00Z"),
        ("%d %b %Y %H:%M (%Z)", "01 Nov 2026 01:30 (UTC+2)", "2026-10-31T23:30:00Z"),
        ("%Y-%m-%d %H:%M:%S%Z", "2026-11-01 01:30:00Z", "2026-11-01T01:30:00Z"),
        ("%Y-%m-%d %H:%M:%S %z %Z", "2026-07-01 01:30:00 +0530 IST", "2026-06-30T20:00:00Z"),
        ("%Y-%m-%d %H:%M %z", "2026-11-01 01:30 -0800", "2026-11-01T09:30:00Z"),
        ("%Y-%m-%d %H:%M %Z", "2026-11-01 01:30 XYZ", 'custom: T: "XYZ" is no time zone that is known'),
        ("%Y-%m-%d %H:%M %Z", "2026-11-01 01:30", 'custom: T: "2026-11-01 01:30" is no time in the format'),
    ],
)
def test_letters_may_stand_anywhere_in_a_time(desk: Desk, format: str, cell: str, expected: str) -> None:
    text = f'touchpoints: [{{type: custom, subject: "user:1", time: {{from: T, format: "{format}"}}, data: {{name: x}}}}]'
    (found,) = desk.read(text, f"T\n{cell}\n")
    assert (found.reason or body(found)["time"]).startswith(expected)


def test_a_field_has_the_zone_of_its_row_too(desk: Desk) -> None:
    text = """\
    zone: UTC
    touchpoints:
      - {type: custom, subject: "user:1", time: T, data: {name: x, ends: {from: E, time: "%d/%m/%Y %H:%M", zone: "{Z}"}}}
    """
    (found,) = desk.read(text, "T,E,Z\n2026-01-01,01/11/2026 01:30,PST\n")
    assert body(found)["data"]["ends"] == "2026-11-01T09:30:00Z"


def test_a_day_in_a_zone_where_the_last_one_ends_later_is_a_dead_letter(desk: Desk) -> None:
    text = 'touchpoints: [{type: custom, subject: "user:1", time: T, data: {name: x, day: {from: D, date: iso, zone: Asia/Tokyo}}}]'
    (found,) = desk.read(text, "T,D\n2026-01-01T00:00:00Z,9999-12-31T23:00:00Z\n")
    assert found.reason == 'custom: D: "9999-12-31T23:00:00Z" is a time beyond the year 9999'


# --- a constant time


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ('{at: "2026-03-01T09:00:00Z"}', "2026-03-01T09:00:00Z"),
        ("{at: 2026-03-01T09:00:00Z}", "2026-03-01T09:00:00Z"),
        ("{at: 2026-03-01}", "2026-02-28T23:00:00Z"),
        ("{at: 2026-03-01, zone: UTC, plus: 30m}", "2026-03-01T00:30:00Z"),
    ],
)
def test_a_time_may_be_the_same_for_all_rows(desk: Desk, time: str, expected: str) -> None:
    found = desk.read(
        f'zone: Europe/Berlin\ntouchpoints: [{{type: custom, subject: "user:1", time: {time}, data: {{name: x}}}}]', "A\na\nb\n"
    )
    assert [body(one)["time"] for one in found] == [expected] * 2


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("{at: soon}", "crm.yaml:1: touchpoints, number 1, time, at: 'soon' is no time; write one such as 2026-03-01T09:00:00Z"),
        ("{at: 2026-02-30}", "'2026-02-30' is no time"),
        ("{at: 1960-01-01T00:00:00Z}", "is before the times that are known here"),
        ("{at: 2026-03-01}", "crm.yaml:1: '2026-03-01' has no zone: state one"),
        ("{at: 2026-03-01T09:00:00Z, from: T}", "one of from, first, at is wanted here"),
        ("{at: 2026-03-01T09:00:00Z, format: iso}", "`format` has nothing to read"),
        ("{zone: UTC}", "one of from, first, at is wanted here"),
        ("{first: []}", "there is nothing in it"),
        ("{first: T}", "a list is wanted here"),
        ("{from: T, zone: {Zone}}", 'a text with braces goes in quotes: "{Zone}"'),
    ],
)
def test_a_time_that_says_no_time_is_refused_when_the_map_is_read(desk: Desk, time: str, told: str) -> None:
    assert told in desk.refusal(f'touchpoints: [{{type: custom, subject: "user:1", time: {time}, data: {{name: x}}}}]')


@pytest.mark.parametrize(
    ("subject", "x", "told"),
    [
        ('{first: ["user:{A}", "robot:{B}"]}', "1", "not 'robot:{B}'"),
        ('{frist: ["user:{A}"]}', "1", "unknown key 'frist'; did you mean 'first'?"),
        ("{A}", "1", 'a text with braces goes in quotes: "{A}"'),
        ('"user:{A}"', "{from: A, first: [B]}", "one of from, first is wanted here"),
        ('"user:{A}"', '{from: A, date: iso, zone: "{Z}"}', "a zone from a column is for `time`"),
        ('"user:{A}"', '{from: A, number: true, starts: {a: b}}', "`starts` gives what a text stands for, so `number` has nothing to read"),
        ('"user:{A | uper}"', "1", "'uper' in 'user:{A | uper}' is not known; did you mean 'upper'?"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused(desk: Desk, subject: str, x: str, told: str) -> None:
    assert told in desk.refusal(f"touchpoints: [{{type: custom, subject: {subject}, time: T, data: {{name: x, x: {x}}}}}]")


@pytest.mark.parametrize("missing", ["A", "Z"])
def test_a_column_that_only_first_or_zone_names_must_be_there(desk: Desk, missing: str) -> None:
    text = 'touchpoints: [{type: custom, subject: {first: ["user:{A}"]}, time: {from: T, zone: "{Z}"}, data: {name: x}}]'
    assert f"column '{missing}' is not in crm.csv" in desk.refusal(text, ",".join({"T", "A", "Z"} - {missing}) + "\n")


@pytest.mark.parametrize(
    ("format", "cell"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-01T10:00:00Z"),
        ("%d.%m.%Y %H:%M UTC", "01.03.2026 10:00 UTC"),
        ("%d.%m.%Y %H:%M GMT", "01.03.2026 10:00 GMT"),
    ],
)
def test_a_zone_that_a_format_writes_out_is_one(desk: Desk, format: str, cell: str) -> None:
    for zone in ("zone: Europe/Berlin\n", ""):
        text = f'{zone}touchpoints: [{{type: custom, subject: "user:1", time: {{from: T, format: "{format}"}}, data: {{name: x}}}}]'
        (found,) = desk.read(text, f"T\n{cell}\n")
        assert body(found)["time"] == "2026-03-01T10:00:00Z"


def test_a_cell_that_lists_several_ids_is_blank_for_first(desk: Desk) -> None:
    text = """
        touchpoints:
          - type: custom
            subject: "user:1"
            time: T
            data: {name: {first: ["{A | only}", "{B}"]}, other: {first: ["{A | only}", "{B | only}"]}}
    """
    (found,) = desk.read(text, "T,A,B\n2026-03-01T10:00:00Z,1;2,3\n")
    assert body(found)["data"] == {"name": "3", "other": "3"}
