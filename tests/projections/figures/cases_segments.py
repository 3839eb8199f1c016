"""Golden cases of segments: how many are in them, how they overlap, who differs how from everybody; and of who may be written to."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import DAY, Case, asked, seen
from tests.projections.figures.tables import Rows, at

SPRING = {"from_on": "2026-03-01", "to_on": "2026-05-01"}


def entered(person: str, segment: str, on: str, **more: Any) -> dict[str, Any]:
    return {"person": person, "segment": segment, "at": on, "step": "entered", **more}


def left(person: str, segment: str, on: str, since: str, **more: Any) -> dict[str, Any]:
    return {"person": person, "segment": segment, "at": on, "step": "left", "stayed": at(on) - at(since), **more}


def first(person: str, on: str, channel: str) -> dict[str, Any]:
    return {"person": person, "at": on, "channel": channel, "is_first": 1}


def country(person: str, on: str, value: str) -> dict[str, Any]:
    return {"subject": person, "field": "country", "at": on, "value": value}


AUDIENCE: Rows = {
    "segment_moves": [
        entered("user:1", "readers", "2026-03-02"),
        left("user:1", "readers", "2026-03-12", "2026-03-02"),
        entered("user:1", "readers", "2026-04-01"),
        entered("user:1", "buyers", "2026-03-20"),
        entered("user:2", "readers", "2026-03-05"),
        # At one instant in and out again: no time at all.
        entered("user:3", "readers", "2026-03-06"),
        left("user:3", "readers", "2026-03-06", "2026-03-06", nth=1),
        # By time alone, which has not come to it.
        left("user:2", "readers", "2026-08-05", "2026-03-05", ahead=1),
    ],
    "first_touched": [
        first("user:1", "2026-03-01", "Email"),
        first("user:2", "2026-03-04", "Email"),
        first("user:3", "2026-03-05", "Direct"),
        first("user:4", "2026-03-05", "Direct"),
    ],
    "described": [country("user:1", "2026-01-01", "DE"), country("user:3", "2026-01-01", "DE"), country("user:4", "2026-03-10", "FR")],
    "touched": [seen("user:1", "2026-03-03", "Email"), seen("user:1", "2026-03-20", "Email"), seen("user:4", "2026-03-20", "Direct")],
}


def said(person: str, on: str, purpose: str, channel: str = "", *, given: int = 1, by: str = "", **more: Any) -> dict[str, Any]:
    whom = {"person": person, "said_for": by or person}
    return {**whom, "at": on, "purpose": purpose, "channel": channel, "is_given": given, **more}


CONSENTS: Rows = {
    "consented": [
        said("user:1", "2026-03-01", "newsletter"),
        said("user:1", "2026-03-05", "newsletter", "phone", given=0),
        said("user:2", "2026-03-01", "newsletter", "email"),
        # Withdrawn for all channels, then given for one.
        said("user:3", "2026-03-01", "newsletter", "email"),
        said("user:3", "2026-03-02", "newsletter", given=0),
        said("user:3", "2026-03-03", "newsletter", "phone"),
        # Two ids turned out to be one person, of which one had withdrawn before the other gave.
        said("user:4", "2026-03-01", "newsletter", given=0, by="anon:a"),
        said("user:4", "2026-03-09", "newsletter"),
        # Expired, and one that is to be given yet.
        said("user:5", "2026-03-01", "newsletter", "email", expires_at="2026-05-01"),
        said("user:6", "2026-08-01", "newsletter", "email"),
        # Of one instant the later place counts.
        said("user:7", "2026-03-01", "offers", "email"),
        said("user:7", "2026-03-01", "offers", "email", given=0, nth=1),
        said("user:8", "2026-03-01", "offers", "email"),
    ],
    "segment_moves": [entered("user:2", "readers", "2026-03-05"), entered("user:1", "readers", "2026-03-05")],
}

NAMED = {"segments": ("readers", "buyers", "nobody")}

CASES = (
    Case(
        "entries less exits: of readers 3 - 1 up to March, and 4 - 2 with April; nobody leaves before the time has come",
        "segment_people",
        AUDIENCE,
        # March: user:1 in and out, user:2 in, user:3 in and out = 1. April: user:1 in again = 2.
        {("2026-03", "buyers"): 1, ("2026-03", "readers"): 1, ("2026-04", "buyers"): 1, ("2026-04", "readers"): 2},
        asked("month", "segment", **SPRING),
    ),
    Case(
        "who leaves leaves the channel that they came by",
        "segment_people",
        AUDIENCE,
        {("Direct",): 0, ("Email",): 2},
        asked("channel", where=(Where("segment", ("readers",)),)),
    ),
    Case("each entry", "segment_entries", AUDIENCE, {("buyers",): 1, ("readers",): 4}, asked("segment")),
    Case("each exit that has come", "segment_exits", AUDIENCE, {("buyers",): 0, ("readers",): 2}, asked("segment")),
    Case(
        "0 and 10 days: the median is 5, and nine tenths of the way lie at 9",
        "time_in_segment",
        AUDIENCE,
        {("readers",): (5 * DAY, 9 * DAY)},
        asked("segment"),
    ),
    Case(
        "in both is user:1 alone; beside itself a segment is as large as it is",
        "segment_overlap",
        AUDIENCE,
        {("buyers", "buyers"): 1, ("buyers", "readers"): 1, ("readers", "buyers"): 1, ("readers", "readers"): 2},
        asked("segment", "other_segment"),
    ),
    Case(
        "2 of 4 people read, 1 of 4 buys, and none is in a segment that nobody was ever in",
        "segment_share",
        AUDIENCE,
        {("buyers",): Fraction(1, 4), ("nobody",): Fraction(0), ("readers",): Fraction(1, 2)},
        asked("segment", options=NAMED),
    ),
    Case(
        "of the two Germans one reads; of the one French nobody; of the one whose country is unknown each",
        "segment_share",
        AUDIENCE,
        {("",): Fraction(1), ("DE",): Fraction(1, 2), ("FR",): Fraction(0)},
        asked("country", where=(Where("segment", ("readers",)),), options=NAMED),
    ),
    Case(
        "user:1 was in no segment but readers on 3 March, and in buyers alone on 20 March; user:4 in none",
        "touchpoints",
        AUDIENCE,
        {("",): 1, ("buyers",): 1, ("readers",): 1},
        asked("segment"),
    ),
    Case("asked of one segment", "touchpoints", AUDIENCE, {("Email",): 1}, asked("channel", where=(Where("segment", ("readers",)),))),
    Case(
        "who is in two of those asked for counts once",
        "touchpoints",
        {**AUDIENCE, "touched": [seen("user:1", "2026-04-10", "Email")]},
        {(): 1},
        asked(where=(Where("segment", ("readers", "buyers")),)),
    ),
    Case(
        "by e-mail user:1, whose consent is for any, and user:2; by telephone user:3 alone; offers to user:8 alone",
        "contactable_people",
        CONSENTS,
        {("newsletter", ""): 1, ("newsletter", "email"): 2, ("newsletter", "phone"): 1, ("offers", "email"): 1},
        asked("purpose", "channel"),
    ),
    Case("of readers two", "contactable_people", CONSENTS, {("",): 2, ("readers",): 2}, asked("segment")),
    Case(
        "until it expires it holds: user:5 as well",
        "contactable_people",
        CONSENTS,
        {("",): 1, ("email",): 4, ("phone",): 1},
        asked("channel", until=at("2026-04-01")),
    ),
)
