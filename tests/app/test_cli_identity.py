"""`journey identity`: who is one person, by which links, and whom the bounds keep apart; and where idle retractions are seen."""

from pathlib import Path

import orjson
import pytest

from tests.app.command import here, put, refused, touch
from tests.streams.builders import at, link, retraction, sent, unlink


def ingested(cwd: Path, *lines: bytes) -> Path:
    here("ingest", put(cwd / "touchpoints.jsonl", *lines), cwd=cwd)
    return cwd


def test_it_shows_a_person_with_its_whole_trail(tmp_path: Path) -> None:
    taken = link("anon:b", "user:7", at(4), id="l3")
    cwd = ingested(
        tmp_path,
        link("anon:a", "user:7", at(1), id="l1"),
        unlink("anon:a", "user:7", at(2), id="l2"),
        link("user:7", "anon:a", at(3), id="l4"),
        taken,
        retraction(taken, at(5)),
        sent("page_view", "user:7", at(1), id="no link"),
    )
    answer = here("identity", "show", "anon:a", "--json", cwd=cwd).json
    assert (answer["person"], answer["ids"], answer["held"]) == ("user:7", ["anon:a", "user:7"], [])
    assert [(one["id"], one["says"], one["holds"], one["why"]) for one in answer["links"]] == [
        ("l1", "identified", False, "said otherwise later, or again"),
        ("l2", "unlinked", False, "said otherwise later, or again"),
        ("l4", "identified", True, ""),
        ("l3", "identified", False, "retracted"),
    ]
    shown = here("identity", "show", "user:7", cwd=cwd).out
    assert "anon:a, user:7" in shown
    assert "l2" in shown


def test_who_is_unlinked_keeps_the_trail_of_it(tmp_path: Path) -> None:
    cwd = ingested(tmp_path, link("anon:a", "user:7", at(1), id="l1"), unlink("anon:a", "user:7", at(2), id="l2"))
    answer = here("identity", "show", "anon:a", "--json", cwd=cwd).json
    assert (answer["person"], answer["ids"]) == ("anon:a", ["anon:a"])
    assert [(one["at"], one["id"], one["holds"]) for one in answer["links"]] == [
        ("2026-03-03T00:00:00Z", "l1", False),
        ("2026-03-04T00:00:00Z", "l2", True),
    ]


def test_of_two_bodies_of_a_link_at_one_instant_one_holds(tmp_path: Path) -> None:
    cwd = ingested(tmp_path, link("anon:a", "user:7", at(1), id="l"), link("anon:a", "user:8", at(1), id="l"))
    links = here("identity", "show", "anon:a", "--json", cwd=cwd).json["links"]
    assert sorted((one["holds"], one["why"]) for one in links) == [(False, "another body of its id counts"), (True, "")]


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("user:nobody", "nothing is known of 'user:nobody'"),
        ("deal:1", "'deal:1' is no id of a person; one is written like user:42 or anon:9f3c"),
        ("x", "'x' is no id of a person; one is written like user:42 or anon:9f3c"),
    ],
)
def test_who_is_not_known_is_refused(tmp_path: Path, id: str, told: str) -> None:
    cwd = ingested(tmp_path, touch())
    assert refused(here("identity", "show", id, cwd=cwd)) == told


def test_it_shows_what_the_bounds_hold(tmp_path: Path) -> None:
    kiosk = [link("anon:kiosk", f"user:{number}", at(1)) for number in range(1, 61)]
    cwd = ingested(tmp_path, *kiosk, link("anon:a", "user:7", at(1)))
    answer = here("identity", "held", "--json", cwd=cwd).json
    (held,) = answer["held"]
    assert (held["ids"], held["bound"], held["partners"], len(held["apart"])) == (["anon:kiosk"], "partners_max", 60, 60)
    assert "anon:kiosk" in here("identity", "held", cwd=cwd).out
    assert here("identity", "show", "anon:kiosk", "--json", cwd=cwd).json["held"] == ["anon:kiosk"]
    links = here("identity", "show", "user:7", "--json", cwd=cwd).json["links"]
    assert {(one["one"], one["holds"], one["apart"]) for one in links} == {("anon:kiosk", True, True), ("anon:a", True, False)}
    shown = here("identity", "show", "user:7", cwd=cwd)
    assert "yes, kept apart" in shown.out
    assert "journey identity held" in shown.err


def test_nothing_held_is_said_so(tmp_path: Path) -> None:
    cwd = ingested(tmp_path, link("anon:a", "user:7", at(1)))
    assert here("identity", "held", "--json", cwd=cwd).json["held"] == []
    assert "held                  0" in here("identity", "held", cwd=cwd).out


def test_a_retraction_that_takes_nothing_back_is_listed_and_no_dead_letter(tmp_path: Path) -> None:
    view = sent("page_view", "user:7", at(1), id="v")
    void = retraction(view, at(2))
    cwd = ingested(tmp_path, view, void, retraction(void, at(3)), retraction(sent("page_view", "user:8", at(1), id="v"), at(2)))
    answer = here("dead-letters", "--json", cwd=cwd).json
    assert answer["dead_letters"] == []
    assert [(one["subject"], one["of_id"]) for one in answer["idle_retractions"]] == [("user:7", "no-v"), ("user:8", "v")]
    assert "can't be retracted" in here("dead-letters", cwd=cwd).out


def test_it_lists_joins_that_look_wrong_and_takes_the_line_that_ends_one(tmp_path: Path) -> None:
    cwd = ingested(tmp_path, *(link("user:ann@x.example", f"user:{name}@x.example", at(1)) for name in ("bob", "cem")))
    (one,) = here("identity", "suspects", "--json", cwd=cwd).json["suspects"]
    assert (one["kind"], one["reason"]) == ("ids", "one person has 3 ids of the kind email")
    shown = here("identity", "suspects", cwd=cwd)
    assert all(line in shown.out for line in one["send"])
    again = here("ingest", put(cwd / "cure.jsonl", *(line.encode() for line in one["send"])), "--json", cwd=cwd).json
    assert (again["accepted"], again["dead_lettered"]) == (2, 0)
    assert here("identity", "suspects", "--json", cwd=cwd).json["suspects"] == []


def test_how_many_more_joins_look_wrong_is_said(tmp_path: Path) -> None:
    pairs = [link(f"user:a{number}@x.example", f"user:b{number}@x.example", at(1)) for number in range(3)]
    cwd = ingested(tmp_path, *pairs)
    answer = here("identity", "suspects", "--limit", "2", "--json", cwd=cwd).json
    assert (len(answer["suspects"]), answer["more"]) == (2, 1)
    assert "1 more; see them with --limit 3" in here("identity", "suspects", "--limit", "2", cwd=cwd).err
    assert here("identity", "suspects", "--kind", "order", "--json", cwd=cwd).json["suspects"] == []
    assert "there is no kind 'x' of suspects" in refused(here("identity", "suspects", "--kind", "x", cwd=cwd))


def call(type: str, id: str, **more: object) -> bytes:
    return orjson.dumps({"type": type, "messageId": id, "timestamp": "2026-03-01T09:00:00Z", **more})


def test_two_customers_of_one_browser_stay_two_and_the_browser_is_listed(tmp_path: Path) -> None:
    page = {"properties": {"url": "https://shop.example/"}}
    calls = [call("page", "p", anonymousId="a-1", **page)]
    calls += [call("identify", f"i-{user}", anonymousId="a-1", userId=user, traits={}) for user in ("111", "222")]
    file = put(tmp_path / "calls.jsonl", *calls)
    assert here("ingest", file, "--format", "segment", "--json", cwd=tmp_path).json["held"] == 1
    assert here("identity", "show", "user:111", "--json", cwd=tmp_path).json["ids"] == ["user:111"]
    (held,) = here("identity", "held", "--json", cwd=tmp_path).json["held"]
    assert (held["ids"], held["people"], held["apart"], held["touches"]) == (["anon:a-1"], 2, ["user:111", "user:222"], 1)


def test_an_alias_of_a_known_user_joins_both_ids(tmp_path: Path) -> None:
    calls = [
        call("track", "t", event="Signed Up", userId="ana@old.example"),
        call("alias", "al", previousId="ana@old.example", userId="ana"),
    ]
    here("ingest", put(tmp_path / "calls.jsonl", *calls), "--format", "segment", cwd=tmp_path)
    found = here("identity", "show", "user:ana", "--json", cwd=tmp_path).json
    assert found["ids"] == ["user:ana", "user:ana@old.example"]
    assert [one["why"] for one in found["links"] if not one["holds"]] == ["presumed, and nothing else knows it"]


def test_an_account_that_too_many_joined_is_listed(tmp_path: Path) -> None:
    large, small = (
        [sent("account_joined", f"user:{number}", at(people - 199), account=account) for number in range(1, people + 1)]
        for account, people in (("large", 201), ("small", 200))
    )
    cwd = ingested(tmp_path, *large, *small)
    answer = here("identity", "held", "--json", cwd=cwd).json
    assert (answer["account_people_max"], answer["accounts"]) == (200, [{"account": "account:large", "joined": 201}])
    shown = here("identity", "held", cwd=cwd).out
    assert "account:large" in shown
    assert "account:small" not in shown
