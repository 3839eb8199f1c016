"""One subject's whole story, as of an instant."""

import pytest

from journey.errors import Refused
from journey.instants import iso
from streams.timeline import Deal, Points, Sent, Stage, Timeline, TimelineEntry, timeline
from tests.streams.builders import Bench, at, deal_opened, link, retraction, sent


async def told(bench: Bench, subject: str, until: int) -> Timeline:
    return await timeline(bench.definition, bench.record, subject, until)


def kind(entry: TimelineEntry) -> str:
    return entry.means.type if isinstance(entry.means, Sent) else "due" if entry.is_due else type(entry.means).__name__.lower()


def what(story: Timeline) -> list[tuple[str, str]]:
    return [(kind(entry), entry.at) for entry in story.entries]


def kinds(story: Timeline) -> list[str]:
    return [kind(entry) for entry in story.entries]


async def test_it_tells_touchpoints_and_what_they_brought_about_in_order(bench: Bench) -> None:
    await bench.take(sent("demo", "user:1", at(1)), sent("page_view", "user:1", at(0), url="/"))
    story = await told(bench, "user:1", at(10))
    assert [one for one in kinds(story) if one != "points"] == ["page_view", "stage", "demo", "stage", "due"]
    assert story.stage == "consideration"
    assert story.definition == bench.definition.fingerprint
    assert story.position == 1


async def test_any_id_of_a_person_tells_the_persons_story(bench: Bench) -> None:
    await bench.take(sent("page_view", "anon:a", at(0)), link("anon:a", "user:1", at(1)))
    assert await told(bench, "anon:a", at(10)) == await told(bench, "user:1", at(10))
    assert (await told(bench, "anon:a", at(10))).ids == ("anon:a", "user:1")


async def test_points_of_one_instant_all_count(bench: Bench) -> None:
    """Two articles in one second assert the same fact twice."""
    await bench.take(*(sent("content_view", "user:1", at(0), id=f"v{number}") for number in range(3)))
    story = await told(bench, "user:1", at(0))
    assert story.score == 6
    assert [entry.means for entry in story.entries if isinstance(entry.means, Points)] == [Points(2)] * 3


async def test_points_that_expired_count_no_more(bench: Bench) -> None:
    await bench.take(sent("content_view", "user:1", at(0)))
    assert (await told(bench, "user:1", at(30) - 1)).score == 2
    assert (await told(bench, "user:1", at(30))).score == 0


async def test_what_a_deadline_brought_is_told_once_it_struck(bench: Bench) -> None:
    await bench.take(sent("page_view", "user:1", at(0)))
    before, after = await told(bench, "user:1", at(90) - 1), await told(bench, "user:1", at(90))
    assert (before.stage, what(before)[-1]) == ("awareness", ("due", iso(at(90))))
    assert (after.stage, what(after)[-1]) == ("lost", ("stage", iso(at(90))))


async def test_what_time_alone_brings_names_what_it_runs_from_whether_it_struck_or_is_due(bench: Bench) -> None:
    await bench.take(sent("page_view", "user:1", at(0), id="v"))
    for until in (at(90) - 1, at(90)):
        last = (await told(bench, "user:1", until)).entries[-1]
        assert (last.means, last.rule) == (Stage("awareness", "lost"), "silent")
        assert last.because == (("urn:test", "v", "user:1"),)


async def test_asked_before_the_last_touchpoint_it_tells_nothing_that_runs_from_it(bench: Bench) -> None:
    await bench.take(sent("page_view", "user:1", at(0)), sent("content_view", "user:1", at(50)))
    assert all(entry.at <= iso(at(20)) for entry in (await told(bench, "user:1", at(20))).entries)


async def test_what_was_taken_back_is_not_told(bench: Bench) -> None:
    demo = sent("demo", "user:1", at(1))
    await bench.take(sent("page_view", "user:1", at(0)), demo, retraction(demo, at(2)))
    assert "demo" not in kinds(await told(bench, "user:1", at(9)))


async def test_a_deal_tells_how_it_stood(bench: Bench) -> None:
    await bench.take(deal_opened("1", at(0), "user:1"), sent("close", "deal:1", at(2)))
    story = await told(bench, "deal:1", at(9))
    assert kinds(story) == ["deal_opened", "deal", "close", "deal"]
    last = story.entries[-1].means
    assert isinstance(last, Deal)
    assert last.outcome == "won"


async def test_who_nothing_is_known_of_is_refused_in_words(bench: Bench) -> None:
    with pytest.raises(Refused, match="nothing is known of 'user:9'"):
        await told(bench, "user:9", at(0))
