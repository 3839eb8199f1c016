"""Who is in a segment, from when to when, and because of what: by touchpoints, and by time alone."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.definition import Definition
from journey.facts import Facts, Outlook, SegmentMoved
from journey.instants import DAY, Instant
from journey.person import NO_AUDIENCE
from journey.plan import plan_of
from journey.segments import members
from journey.touchpoints import Key, Touchpoint
from tests.journey.builders import FRIDAY, ME, MONDAY, STAGES, TUESDAY, WEDNESDAY, closed, definition, derived, keys, only, opened, touch
from tests.journey.random_histories import DAYS, DEFINITIONS, OTHERWISE, RICH, histories

Move = tuple[str, str, Instant, tuple[Key, ...]]


def where(**segments: Any) -> Definition:
    return definition(segments=segments)


def moves(facts: Facts) -> list[Move]:
    """What has happened, in order."""
    return [(one.step, one.segment, one.at, one.because) for one in sorted(only(SegmentMoved, facts), key=lambda one: (one.at, one.nth))]


def to_come(facts: Facts) -> list[Move]:
    ahead = (one for outlook in only(Outlook, facts) for one in outlook.strikes if isinstance(one, SegmentMoved))
    return [(one.step, one.segment, one.at, one.because) for one in ahead]


READERS = {"count": {"times": 2, "of": {"types": "content_view"}, "within": "5d"}}


def test_who_did_it_often_enough_is_in_until_it_lies_too_far_back() -> None:
    by = where(readers=READERS)
    views = [touch("content_view", at=at) for at in (MONDAY, TUESDAY, WEDNESDAY)]
    _, facts = derived(*views, by=by)
    assert moves(facts) == [("entered", "readers", TUESDAY, keys(*views[:2]))]
    assert to_come(facts) == [("left", "readers", TUESDAY + 5 * DAY, ())]
    later = touch("email_sent", at=FRIDAY + 10 * DAY)
    _, facts = derived(*views, later, by=by)
    assert moves(facts)[1:] == [("left", "readers", TUESDAY + 5 * DAY, keys(*views[1:]))]
    assert [one.stayed for one in only(SegmentMoved, facts)] == [-1, 5 * DAY]


def test_at_the_very_instant_of_its_end_a_touchpoint_still_counts() -> None:
    first, second, third = (touch("content_view", at=at) for at in (MONDAY, TUESDAY, MONDAY + 5 * DAY))
    _, facts = derived(first, second, third, by=where(readers=READERS))
    assert [one[0] for one in moves(facts)] == ["entered"]
    assert [one[2] for one in to_come(facts)] == [TUESDAY + 5 * DAY]


def test_a_match_holds_from_the_first_time_on() -> None:
    first, again = touch("content_download", at=MONDAY), touch("content_download", at=TUESDAY)
    _, facts = derived(first, again, by=where(loaders={"types": "content_download"}))
    assert moves(facts) == [("entered", "loaders", MONDAY, keys(first))]
    assert to_come(facts) == []


def test_a_score_that_falls_when_points_expire_ends_and_one_that_rises_begins() -> None:
    good, bad = {"types": "content_view"}, {"types": "email_unsubscribed"}
    scoring = [
        {"name": "read", "when": good, "points": 10, "expires": "20d"},
        {"name": "gone", "when": bad, "points": -5, "expires": "3d"},
    ]
    by = definition(scoring=scoring, segments={"warm": {"score": {"at_least": 10}}})
    view, gone = touch("content_view", at=MONDAY), touch("email_unsubscribed", at=TUESDAY)
    _, facts = derived(view, gone, by=by)
    assert moves(facts) == [("entered", "warm", MONDAY, keys(view)), ("left", "warm", TUESDAY, keys(gone))]
    assert to_come(facts) == [("entered", "warm", TUESDAY + 3 * DAY, keys(view)), ("left", "warm", MONDAY + 20 * DAY, ())]


def test_who_falls_silent_enters_with_the_stage_and_leaves_by_the_next_touchpoint() -> None:
    by = where(asleep={"stage": "lost"})
    view = touch("page_view", at=MONDAY)
    _, facts = derived(view, by=by)
    assert to_come(facts) == [("entered", "asleep", MONDAY + 30 * DAY, keys(view))]
    back = {"name": "back", "from": "lost", "when": {"types": "demo"}}
    first, *others = STAGES.items()
    by = definition({first[0]: [*first[1], back], **dict(others)}, segments={"asleep": {"stage": "lost"}})
    demo = touch("demo", at=MONDAY + 40 * DAY)
    _, facts = derived(view, demo, by=by)
    assert moves(facts) == [("entered", "asleep", MONDAY + 30 * DAY, keys(view)), ("left", "asleep", MONDAY + 40 * DAY, keys(demo))]


def test_a_deal_that_stands_so_holds_for_as_long_as_it_does() -> None:
    by = where(buyers={"deal": "won"}, open={"deal": "open"}, others={"all": [{"types": "demo"}, {"no_open_deal": True}]})
    demo, opening, close = touch("demo", at=MONDAY), opened(at=TUESDAY), closed(at=WEDNESDAY)
    reopened = touch("deal_reopened", at=FRIDAY, subject="deal:12", deal="12")
    _, facts = derived(demo, opening, close, reopened, by=by)
    assert [one[:3] for one in moves(facts)] == [
        ("entered", "others", MONDAY), ("entered", "open", TUESDAY), ("left", "others", TUESDAY), ("entered", "buyers", WEDNESDAY),
        ("left", "open", WEDNESDAY), ("entered", "others", WEDNESDAY), ("left", "buyers", FRIDAY), ("entered", "open", FRIDAY),
        ("left", "others", FRIDAY),
    ]  # fmt: skip


def test_a_profile_holds_as_it_was_updated_last() -> None:
    by = where(german={"profile": {"country": "de"}})
    first, other = touch("profile_updated", at=MONDAY, country="DE"), touch("profile_updated", at=TUESDAY, country=None)
    _, facts = derived(first, other, by=by)
    assert moves(facts) == [("entered", "german", MONDAY, keys(first)), ("left", "german", TUESDAY, keys(other))]


def test_a_segment_of_another_is_moved_with_it_whatever_their_order() -> None:
    inner, outer = {"count": {"of": {"types": "page_view"}, "within": "2d"}}, {"all": [{"segment": "b"}, {"types": "demo"}]}
    view, demo = touch("page_view", at=MONDAY), touch("demo", at=TUESDAY)
    for segments in ({"a": outer, "b": inner}, {"b": inner, "a": outer}):
        _, facts = derived(view, demo, by=where(**segments))
        assert moves(facts) == [("entered", "b", MONDAY, keys(view)), ("entered", "a", TUESDAY, keys(view, demo))]
        assert [one[:3] for one in to_come(facts)] == [("left", "a", MONDAY + 2 * DAY), ("left", "b", MONDAY + 2 * DAY)]


def test_a_step_of_the_lead_holds_from_the_first_time_on() -> None:
    created = touch("lead_created", at=MONDAY)
    _, facts = derived(created, touch("lead_rejected", at=TUESDAY), by=where(leads={"lead": "created"}))
    assert moves(facts) == [("entered", "leads", MONDAY, keys(created))]


def test_a_definition_without_segments_keeps_nothing_for_them() -> None:
    plan = plan_of(definition())
    assert not plan.segments
    assert not plan.profile_fields
    journey, facts = derived(touch("profile_updated", country="DE"), touch("content_download"))
    assert journey.audience is None
    assert not only(SegmentMoved, facts)


@given(history=histories(), days=st.integers(0, DAYS + 30))
@settings(deadline=None)
def test_who_is_in_by_the_facts_is_who_the_conditions_hold_of(history: list[Touchpoint], days: int) -> None:
    """At any instant between touchpoints, where nothing but time has passed since the last."""
    for by in (RICH, OTHERWISE):
        until = MONDAY + days * DAY + 7
        seen = [one for one in history if one.occurred_at <= until]
        _, facts = derived(*seen, by=by, ids=(ME, "anon:a"))
        ahead = [one for outlook in only(Outlook, facts) for one in outlook.strikes if isinstance(one, SegmentMoved)]
        moved = sorted((*only(SegmentMoved, facts), *ahead), key=lambda one: (one.at, one.nth))
        standing: dict[str, bool] = {}
        for one in moved:
            if one.at <= until:
                assert standing.get(one.segment, False) is (one.step == "left")
                assert one.because or one in ahead
                standing[one.segment] = one.step == "entered"
        # A mail later lets strike what was due: the journey is then where it says that it is.
        journey, _ = derived(*seen, touch("email_sent", at=until, id="zz"), by=by, ids=(ME, "anon:a"))
        assert set((journey.audience or NO_AUDIENCE).segments) == {name for name, is_in in standing.items() if is_in}
        assert set(members(plan_of(by), journey, until)) == set((journey.audience or NO_AUDIENCE).segments)


def test_the_definitions_of_the_properties_have_segments() -> None:
    assert all(by.segments for by in DEFINITIONS[:2])
