"""Instants and days: exact to the microsecond, and the same as the calendar of each zone says."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journey.errors import Refused
from journey.instants import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    day,
    in_utc,
    instant,
    iso,
    last_end_of_day,
    length,
    moment,
    rfc3339,
    spelled,
    start_of_day,
)

many = settings(max_examples=200, deadline=None)
zones = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Asia/Kathmandu",
    ]
)
instants = st.integers(0, instant(datetime(2100, 1, 1, tzinfo=UTC)))


def test_an_instant_is_whole_microseconds_since_1970() -> None:
    assert instant(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert instant(rfc3339("2026-03-01T10:00:00.000001+01:00")) == instant(datetime(2026, 3, 1, 9, 0, 0, 1, tzinfo=UTC))


@many
@given(instants)
def test_what_is_written_reads_as_the_same_instant(at: int) -> None:
    assert instant(moment(at)) == at
    assert instant(rfc3339(iso(at))) == at
    assert in_utc(iso(at)) == at


near_misses = st.tuples(instants.map(iso), st.lists(st.tuples(st.integers(0, 26), st.sampled_from("0123456789-:.,TtZzW+ ٣")), max_size=3))


@settings(max_examples=2_000, deadline=None)
@given(near_misses)
@example(("2025-W01-1T10:00:00Z", []))
@example(("2025-01-01T000000.0Z", []))
@example(("2025-01-01T00:00:00,000000Z", []))
@example(("2025-02-29T00:00:00Z", []))
@example(("1969-12-31T23:59:59Z", []))
@example(("2025-01-01T24:00:00Z", []))
@example(("2025-01-01T23:59:60Z", []))
def test_the_fast_way_reads_what_the_strict_one_reads_or_nothing(near_miss: tuple[str, list[tuple[int, str]]]) -> None:
    text, changes = near_miss
    letters = list(text)
    for place, letter in changes:
        if place < len(letters):
            letters[place] = letter
    text = "".join(letters)
    try:
        read = instant(rfc3339(text))
    except ValueError:
        read = None
    assert in_utc(text) in (None, read)


def test_digits_beyond_the_microsecond_are_cut() -> None:
    assert rfc3339("2026-03-01T10:00:00.1234569Z") == rfc3339("2026-03-01T10:00:00.123456Z")


@pytest.mark.parametrize(
    "text",
    ["2026-03-01", "2026-03-01T10:00:00", "2026-03-01 10:00:00Z", "2026-02-30T10:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z",
     "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "٢٠٢٦-03-01T10:00:00Z", "now"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        rfc3339(text)


@many
@given(st.integers(1, 999_999), st.sampled_from([SECOND, MINUTE, HOUR, DAY, 7 * DAY]))
def test_a_length_is_read_as_it_is_spelled(number: int, unit: int) -> None:
    assert length(spelled(number * unit)) == number * unit


def test_a_deadline_of_a_definition_with_the_longest_lengths_can_be_written() -> None:
    last = instant(rfc3339("9999-12-31T23:59:59.999999Z"))
    assert iso(last) == iso(last + 3 * length("999999w")) == "9999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("text", ["", "30", "m", "-1d", "1.5h", "1y", "1d 2h", "9999999s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is not a length of time"):
        length(text)


@many
@given(instants, zones)
@example(instant(datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)), "Europe/Berlin")
@example(instant(datetime(2018, 11, 4, 3, tzinfo=UTC)), "America/Sao_Paulo")
def test_a_day_is_the_one_that_the_zones_calendar_shows(at: int, zone: str) -> None:
    assert day(at, zone) == moment(at).astimezone(ZoneInfo(zone)).date().isoformat()


@many
@given(st.dates(date(1971, 1, 1), date(2099, 12, 31)), zones)
@example(date(2018, 11, 4), "America/Sao_Paulo")  # A day that began at one o'clock.
def test_a_day_starts_with_its_first_instant(on: date, zone: str) -> None:
    starts = start_of_day(on, zone)
    assert day(starts, zone) == on.isoformat()
    assert day(starts - 1, zone) == (on - timedelta(days=1)).isoformat()


@many
@given(st.dates(date(1971, 1, 1), date(2099, 12, 31)), zones, st.integers(-2, 2))
def test_the_last_end_of_a_day_is_the_last_instant_of_one_that_is_over(on: date, zone: str, off: int) -> None:
    until = start_of_day(on, zone) + off
    end = last_end_of_day(until, zone)
    assert end <= until
    assert day(end, zone) != day(end + 1, zone)
    assert end == start_of_day(on if off >= -1 else on - timedelta(days=1), zone) - 1
