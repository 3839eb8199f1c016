from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.calendars import YEARS_MAX, after, elapsed, opening_hours
from journey.definition import Calendar
from journey.instants import DAY, HOUR, MINUTE, Instant, instant

WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")
EVERY_DAY = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "01:00-04:00")


def calendar(hours: Mapping[str, str | list[str]], *, zone: str = "Europe/Berlin", holidays: tuple[str, ...] = ()) -> Calendar:
    return Calendar.model_validate({"zone": zone, "hours": hours, "holidays": holidays})


def at(text: str, zone: str = "Europe/Berlin") -> Instant:
    return instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


OFFICE = calendar(WEEKDAYS, holidays=("2026-04-03", "2026-04-06"))


def test_without_a_calendar_all_time_counts() -> None:
    assert after(None, 5, HOUR) == 5 + HOUR
    assert elapsed(None, 5, 5 + HOUR) == HOUR


def test_a_limit_within_one_day_is_reached_that_day() -> None:
    assert after(OFFICE, at("2026-03-09 10:00"), 4 * HOUR) == at("2026-03-09 14:00")


def test_what_is_left_at_closing_goes_on_in_the_morning() -> None:
    assert after(OFFICE, at("2026-03-09 15:00"), 4 * HOUR) == at("2026-03-10 11:00")


def test_a_limit_that_is_reached_at_closing_is_reached_then_and_not_next_morning() -> None:
    assert after(OFFICE, at("2026-03-09 13:00"), 4 * HOUR) == at("2026-03-09 17:00")


def test_the_weekend_does_not_count() -> None:
    assert after(OFFICE, at("2026-03-13 16:00"), 4 * HOUR) == at("2026-03-16 12:00")
    assert elapsed(OFFICE, at("2026-03-14 08:00"), at("2026-03-15 20:00")) == 0


def test_holidays_do_not_count() -> None:
    assert after(OFFICE, at("2026-04-02 16:00"), 4 * HOUR) == at("2026-04-07 12:00")


def test_a_start_before_opening_counts_from_opening() -> None:
    assert after(OFFICE, at("2026-03-09 03:00"), 30 * MINUTE) == at("2026-03-09 09:30")


def test_a_break_at_noon_does_not_count() -> None:
    shop = calendar({"mon": ["09:00-12:00", "13:00-17:00"]})
    assert after(shop, at("2026-03-09 11:00"), 2 * HOUR) == at("2026-03-09 14:00")
    assert elapsed(shop, at("2026-03-09 00:00"), at("2026-03-10 00:00")) == 7 * HOUR


def test_a_night_that_gains_or_loses_an_hour_has_that_many_hours() -> None:
    night = calendar(EVERY_DAY)
    assert elapsed(night, at("2026-03-28 00:00"), at("2026-03-29 00:00")) == 3 * HOUR
    assert elapsed(night, at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 2 * HOUR
    assert elapsed(night, at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 4 * HOUR


def test_hours_that_the_clock_skips_are_no_time() -> None:
    skipped = calendar({"sun": "02:15-02:45"})
    assert elapsed(skipped, at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 0
    assert elapsed(skipped, at("2026-04-05 00:00"), at("2026-04-06 00:00")) == 30 * MINUTE
    half = calendar({"sun": "01:30-02:30"})
    assert elapsed(half, at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 30 * MINUTE


def test_hours_that_the_clock_shows_twice_begin_and_end_the_first_time() -> None:
    twice = calendar({"sun": "02:15-02:45"})
    assert elapsed(twice, at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 30 * MINUTE


def test_a_day_that_a_country_skipped_has_no_hours() -> None:
    samoa = calendar({"fri": "09:00-17:00"}, zone="Pacific/Apia")
    assert elapsed(samoa, at("2011-12-29 12:00", "Pacific/Apia"), at("2011-12-31 12:00", "Pacific/Apia")) == 0


def test_midnight_is_the_end_of_a_day() -> None:
    always = calendar(dict.fromkeys(EVERY_DAY, "00:00-24:00"))
    start = at("2026-03-01 00:00")
    assert elapsed(always, start, start + 100 * DAY) == 100 * DAY


def test_backwards_is_no_time() -> None:
    assert elapsed(OFFICE, at("2026-03-10 12:00"), at("2026-03-09 12:00")) == 0
    assert elapsed(None, 10, 5) == 0


def test_business_time_is_followed_for_some_years_and_no_more() -> None:
    one_hour_a_week = calendar({"mon": "09:00-10:00"})
    with pytest.raises(ValueError, match=f"within {YEARS_MAX} years"):
        after(one_hour_a_week, at("2026-03-09 12:00"), YEARS_MAX * 60 * HOUR)
    assert elapsed(OFFICE, 0, at("2100-01-01 00:00")) == elapsed(
        OFFICE, at("2100-01-01 00:00") - YEARS_MAX * 366 * DAY, at("2100-01-01 00:00")
    )


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Sao_Paulo", "Australia/Lord_Howe", "America/St_Johns"]
SPANS = st.sampled_from(["09:00-17:00", "00:00-24:00", "01:30-02:45", "22:00-24:00", "00:00-00:15"])
DAYS = st.sampled_from(sorted(EVERY_DAY))
INSTANTS = st.integers(at("2005-01-01 00:00"), at("2027-12-31 00:00"))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = draw(st.dictionaries(DAYS, SPANS.map(lambda span: [span]), min_size=1, max_size=7))
    holidays = draw(st.lists(st.dates(date(2005, 1, 1), date(2028, 1, 1)), max_size=5))
    return calendar(hours, zone=draw(st.sampled_from(ZONES)), holidays=tuple(day.isoformat() for day in holidays))


@given(calendars(), INSTANTS, st.integers(1, 10 * HOUR))
def test_the_time_until_a_limit_is_reached_is_the_limit(team: Calendar, start: Instant, limit: int) -> None:
    reached = after(team, start, limit)
    assert elapsed(team, start, reached) == limit
    assert elapsed(team, start, reached - 1) == limit - 1


@given(calendars(), INSTANTS, st.integers(0, 60 * DAY), st.integers(0, 60 * DAY))
def test_business_time_adds_up(team: Calendar, start: Instant, first: int, second: int) -> None:
    middle, end = start + first, start + first + second
    assert elapsed(team, start, middle) + elapsed(team, middle, end) == elapsed(team, start, end)


@pytest.mark.parametrize("text", ["9-17", "09:00", "09:00-25:00", "09:60-10:00", "17:00-09:00", "09:00-09:00", ""])
def test_hours_that_can_not_be_read_say_how_to_write_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like 09:00-17:00|the last is 24:00|closes before it opens"):
        opening_hours(text)
