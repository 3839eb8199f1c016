"""`journey segment` lists who is in a segment, and what is wrong with segments is told with its line."""

from pathlib import Path

import pytest

from schemas.definition_files import default_definition, dump_definition
from tests.app.command import here, put, refused, touch, worked_out

UNTIL = ("--until", "2026-03-10")

SEGMENTS = """segments:
  readers: {count: {times: 2, of: {types: content_view}, within: 10d}}
  buyers: {any: [{deal: won}, {types: order_placed}]}
  asleep: {stage: lost}
  nobody: {all: [{segment: readers}, {segment: buyers}]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two read twice in March, one of them as two ids that turn out to be one; one has bought; one came in January and was silent then."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "ours.yaml").write_text(dump_definition(default_definition()) + SEGMENTS)
    put(
        folder / "in.jsonl",
        touch("content_view", id="a1", subject="user:1", at="2026-03-01T10:00:00Z"),
        touch("content_view", id="a2", subject="user:1", at="2026-03-03T10:00:00Z"),
        touch("content_view", id="b1", subject="anon:b", at="2026-03-04T10:00:00Z"),
        touch("content_view", id="b2", subject="user:2", at="2026-03-05T10:00:00Z"),
        touch("identified", id="link", subject="anon:b", at="2026-03-06T10:00:00Z", other="user:2"),
        touch("order_placed", id="c1", subject="user:3", at="2026-03-02T10:00:00Z"),
        touch("page_view", id="d1", subject="user:4", at="2025-11-01T10:00:00Z"),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    assert here("definition", "use", "ours.yaml", "--reason", "segments", cwd=folder).status == 0
    return folder


def test_members_are_listed_with_their_reasons_and_since_when(shop: Path) -> None:
    found = here("segment", "readers", *UNTIL, "--json", cwd=shop).json
    told = [(one["person"], one["since"], [because["id"] for because in one["because"]]) for one in found["members"]]
    assert told == [
        ("user:1", "2026-03-03T10:00:00Z", ["a1", "a2"]),
        ("user:2", "2026-03-05T10:00:00Z", ["b1", "b2"]),
    ]
    assert (found["number"], found["wanted"]) == (2, "2 of content_view in 10d")
    assert "a1, a2" in here("segment", "readers", *UNTIL, cwd=shop).out


def test_explain_says_why_and_when_a_customer_entered_and_left_segments(shop: Path) -> None:
    found = here("explain", "user:1", "--until", "2026-03-11", "--json", cwd=shop).json["segments"]
    told = {one["segment"]: (one["since"], one["stands"]["met"], one["stands"]["more"]) for one in found}
    assert told["readers"] == ("", False, "1 of 2 content_view in 10d; 1 more")
    assert (told["asleep"], told["buyers"][2]) == (("", False, "needs: stage lost"), "one of these")
    (readers,) = (one for one in found if one["segment"] == "readers")
    assert [(move["step"], move["at"], move["by_time"], [one["id"] for one in move["because"]]) for move in readers["moves"]] == [
        ("entered", "2026-03-03T10:00:00Z", False, ["a1", "a2"]),
        ("left", "2026-03-11T10:00:00Z", True, ["a1", "a2"]),
    ]
    out = here("explain", "user:1", "--until", "2026-03-11", cwd=shop).out
    assert "2026-03-11 10:00:00  left readers as time passed\n" in out
    assert "in since 2026-03-02 10:00:00" in here("explain", "user:3", *UNTIL, cwd=shop).out


def test_what_time_ends_and_begins_is_so_at_its_time(shop: Path) -> None:
    def names(segment: str, until: str) -> list[str]:
        return [one["person"] for one in here("segment", segment, "--until", until, "--json", cwd=shop).json["members"]]

    # The window of ten days ends with the first of two views: on 11 March of user:1, on 14 March of user:2.
    assert names("readers", "2026-03-11T09:59:59Z") == ["user:1", "user:2"]
    assert names("readers", "2026-03-11T10:00:00Z") == ["user:2"]
    assert names("readers", "2026-03-14T10:00:00Z") == []
    (asleep,) = here("segment", "asleep", *UNTIL, "--json", cwd=shop).json["members"]
    assert (asleep["person"], asleep["by_time"], [one["id"] for one in asleep["because"]]) == ("user:4", True, ["d1"])


def test_page_by_page_it_is_the_whole_list(shop: Path) -> None:
    first = here("segment", "readers", "--until", "2026-03-10", "--limit", "1", "--json", cwd=shop).json
    second = here("segment", "readers", "--until", "2026-03-10", "--limit", "1", "--after", first["after"], "--json", cwd=shop).json
    assert [one["person"] for one in first["members"] + second["members"]] == ["user:1", "user:2"]
    assert (first["number"], second["number"], second["after"]) == (2, 2, "")
    assert "is no cursor of this list" in here("segment", "readers", "--after", "x", cwd=shop).err


def test_as_csv_there_is_a_row_for_each(shop: Path) -> None:
    assert here("segment", "buyers", *UNTIL, "--csv", cwd=shop).out.splitlines() == [
        "person,since,by_time,because",
        "user:3,2026-03-02T10:00:00Z,false,urn:test#c1",
    ]


def test_the_list_is_as_long_as_the_figure_says(shop: Path) -> None:
    sizes = worked_out("segment_people", "segment", cwd=shop, until="2026-03-10")
    for name in ("readers", "buyers", "asleep", "nobody"):
        assert here("segment", name, *UNTIL, "--json", cwd=shop).json["number"] == sizes.get((name,), 0)


def test_every_figure_about_people_is_asked_by_segment(shop: Path) -> None:
    assert worked_out("touchpoints", "segment", cwd=shop, until="2026-03-31", more=("--where", "channel=Direct")) == {
        ("",): 3,
        ("readers",): 2,
    }
    of_one = worked_out("touchpoints", "day", cwd=shop, until="2026-03-31", more=("--where", "segment=readers"))
    assert {days: number for days, number in of_one.items() if number} == {("2026-03-03",): 1, ("2026-03-05",): 1}


def test_a_segment_that_the_definition_has_not_is_told_and_one_that_nobody_was_in_is_empty(shop: Path) -> None:
    assert "there is no segment 'reader'; did you mean 'readers'?" in refused(here("segment", "reader", cwd=shop))
    asked = ("report", "marketing", "audience", "--until", "2026-03-31", "--where")
    assert "there is no segment 'reader'; did you mean 'readers'?" in refused(here(*asked, "segment=reader", cwd=shop))
    assert here(*asked, "segment=nobody", cwd=shop).status == 0
    pairs = ("report", "marketing", "segments", "--until", "2026-03-31", "--where")
    told = refused(here(*pairs, "other_segment=reader", cwd=shop))
    assert "there is no other_segment 'reader'; did you mean 'readers'?" in told
    assert here(*pairs, "other_segment=nobody", cwd=shop).status == 0
    assert "nobody is in it then" in here("segment", "nobody", *UNTIL, cwd=shop).out


def test_a_story_tells_of_segments_that_were_entered_and_left(shop: Path) -> None:
    entries = here("timeline", "user:1", "--until", "2026-03-31", "--json", cwd=shop).json["entries"]
    told = [(one["at"], one["says"]) for one in entries if one["what"] == "segment"]
    assert told == [("2026-03-03T10:00:00Z", "entered readers"), ("2026-03-11T10:00:00Z", "left readers")]


def test_what_is_wrong_with_a_segment_is_told_with_its_line(tmp_path: Path) -> None:
    text = dump_definition(default_definition())
    wrong = "segments:\n  a: {segment: b}\n  b: {any: [{types: demo}, {segment: a}]}\n  c: {segment: d}\n  e: {count: {times: 2}}\n"
    (tmp_path / "ours.yaml").write_text(text + wrong)
    told = here("definition", "check", "ours.yaml", cwd=tmp_path)
    assert told.status == 1
    line = text.count("\n")
    assert f"ours.yaml:{line + 5}: segments.e.count has no 'of'" in told.err
    (tmp_path / "ours.yaml").write_text(text + wrong.rpartition("  e:")[0])
    told = here("definition", "check", "ours.yaml", cwd=tmp_path)
    assert f"ours.yaml:{line + 2}: segment 'a' refers to itself: a -> b -> a" in told.err
    assert f"ours.yaml:{line + 4}: segment 'c' asks for segment 'd', which is none" in told.err
