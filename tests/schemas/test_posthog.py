"""PostHog's events become touchpoints, and none is lost."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.definition import Identity
from schemas.decode import decode
from schemas.noticed import Noticed
from schemas.outside_calls import CallReading
from schemas.outside_names import shipped_names
from schemas.posthog import read_posthog
from tests.schemas.lines import of_file, of_lines

MONDAY = "2026-03-02T10:00:00.000Z"


def event(name: str, /, distinct_id: str = "u1", uuid: str = "e-1", *, outside: Any = None, **properties: Any) -> bytes:
    """What posthog-js sends of the known user u1, unless it says otherwise. In names, `_` at the beginning is PostHog's `$`."""
    said = {f"${key[1:]}" if key.startswith("_") else key: value for key, value in properties.items()}
    return orjson.dumps(
        {"event": name, "distinct_id": distinct_id, "uuid": uuid, "timestamp": MONDAY, "properties": said, **(outside or {})}
    )


def made(*lines: bytes, by: CallReading | None = None) -> list[Any]:
    """The CloudEvents made of the events, each of which decodes."""
    found = list(read_posthog(of_lines(*lines), by or CallReading(shipped_names())))
    for one in found:
        assert one.body is not None, one.reason
        decode(one.body)
    return [orjson.loads(one.body or b"") for one in found]


def short(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(one["type"], one["subject"], one["data"].get("other", "")) for one in found]


def test_a_page_view_is_one_with_what_brought_the_person() -> None:
    (found,) = made(
        event(
            "$pageview", _current_url="https://x.example/?utm_source=a", _referrer="https://search.example/", utm_source="a", title="Home",
            _raw_user_agent="Mozilla", _screen_height=900,
        )
    )  # fmt: skip
    assert found == {
        "specversion": "1.0", "id": "e-1", "source": "/posthog", "time": MONDAY, "subject": "user:u1", "type": "page_view",
        "data": {
            "url": "https://x.example/?utm_source=a", "referrer": "https://search.example/", "utm_source": "a", "title": "Home",
            "agent": "Mozilla", "kind": "page", "properties": {"utm_source": "a", "$raw_user_agent": "Mozilla", "$screen_height": 900},
        },
    }  # fmt: skip


def test_a_visit_that_came_from_nowhere_has_no_referrer() -> None:
    (found,) = made(event("$pageview", _current_url="https://x.example/", _referrer="$direct"))
    assert "referrer" not in found["data"]


def test_a_screen_is_a_page_view_of_its_name() -> None:
    (found,) = made(event("$screen", _screen_name="Settings"))
    assert (found["type"], found["data"]) == ("page_view", {"url": "screen:Settings", "kind": "screen", "view": "Settings"})


@pytest.mark.parametrize(
    "said",
    [{"_device_id": "d-1"}, {"_is_identified": False}, {"_process_person_profile": False}, {"_is_identified": False, "_device_id": "d-2"}],
    ids=str,
)
def test_who_is_not_known_yet_is_anonymous(said: dict[str, Any]) -> None:
    assert short(made(event("asked", "d-1", **said))) == [("custom", "anon:d-1", "")]


def test_a_known_user_on_a_device_shows_a_link_once_and_what_a_server_tells_shows_none() -> None:
    found = made(event("asked", _device_id="d-1"), event("asked", uuid="e-2", _device_id="d-1"), event("asked", uuid="e-3"))
    assert short(found) == [
        ("custom", "user:u1", ""), ("identified", "anon:d-1", "user:u1"), ("custom", "user:u1", ""), ("custom", "user:u1", ""),
    ]  # fmt: skip


def test_identify_links_and_says_what_is_known() -> None:
    found = made(event("$identify", _anon_distinct_id="d-1", _device_id="d-1", _set={"title": "CFO", "plan": "pro"}))
    assert short(found) == [("profile_updated", "user:u1", ""), ("identified", "anon:d-1", "user:u1")]
    assert found[0]["data"] == {"job_title": "CFO", "traits": {"plan": "pro"}}
    assert short(made(event("$identify", _anon_distinct_id="d-1"))) == [("identified", "anon:d-1", "user:u1")]
    assert short(made(event("$set", outside={"$set": {"plan": "pro"}}))) == [("profile_updated", "user:u1", "")]


def test_an_alias_presumes_and_the_library_that_posts_it_the_other_way_round_is_read_so() -> None:
    assert short(made(event("$create_alias", alias="old"))) == [
        ("identified", "user:u1", "anon:old"), ("identified", "user:u1", "user:old"),
    ]  # fmt: skip
    assert short(made(event("$create_alias", "old", alias="u1", _lib="posthog-python"))) == [
        ("identified", "user:u1", "anon:old"), ("identified", "user:u1", "user:old"),
    ]  # fmt: skip
    found = made(event("$create_alias", alias="u1"))
    assert short(found) == [("identified", "user:u1", "anon:u1")]


def test_a_group_is_an_account_and_nobody_joins_it_by_what_a_server_tells_of_it() -> None:
    said = {"_group_type": "company", "_group_key": "acme", "_group_set": {"name": "Acme"}}
    assert short(made(event("$groupidentify", **said))) == [("account_updated", "account:acme", ""), ("account_joined", "user:u1", "")]
    assert short(made(event("$groupidentify", "$company_acme", **said))) == [("account_updated", "account:acme", "")]


def test_an_outside_name_is_what_it_means_and_any_other_is_kept_by_its_name_and_counted() -> None:
    by = CallReading(shipped_names(), noticed=Noticed())
    order, click = made(
        event("Order Completed", order_id="o-1", total=30, currency="EUR"), event("$autocapture", uuid="e-2", _event_type="click"), by=by
    )
    assert (order["type"], order["data"]["amount"]) == ("order_placed", 30)
    assert (click["type"], click["data"]) == ("custom", {"name": "$autocapture", "properties": {"$event_type": "click"}})
    assert by.noticed.left_out == {("$autocapture", "no touchpoint is named for it"): 1}


def test_a_body_says_when_all_were_sent_and_its_events_are_read_one_by_one() -> None:
    body = b'{"api_key":"k","batch":[%b,%b],"historical_migration":false,"sent_at":"2026-03-02T10:00:05Z"}' % (
        event("asked"), event("asked", uuid="e-2", outside={"sent_at": "2026-03-02T10:00:01Z"}),
    )  # fmt: skip
    found = [orjson.loads(one.body or b"") for one in read_posthog(of_file(body), CallReading(shipped_names()))]
    assert [(one["id"], one["sentat"]) for one in found] == [("e-1", "2026-03-02T10:00:05Z"), ("e-2", "2026-03-02T10:00:01Z")]


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-03-02 10:00:00.123000", "2026-03-02T10:00:00.123000Z"),
        ("2026-03-02 10:00:00.123000+00:00", "2026-03-02T10:00:00.123000+00:00"),
        (1772445600000, "2026-03-02T10:00:00Z"),
    ],
)
def test_the_times_and_ids_of_exports_are_read(written: object, time: str) -> None:
    (found,) = made(event("asked", outside={"timestamp": written, "uuid": None, "id": "e-9", "properties": '{"n": 1.10}'}))
    assert (found["time"], found["id"], found["data"]["properties"]) == (time, "e-9", {"n": 1.1})


def test_a_device_that_is_no_id_links_nobody_and_is_counted() -> None:
    by = CallReading(shipped_names(), noticed=Noticed(), is_no_id=Identity().is_no_id)
    assert short(made(event("asked", _device_id="undefined"), by=by)) == [("custom", "user:u1", "")]
    assert by.noticed.no_ids == {"$device_id": 1}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"uuid": None}, "no uuid: sent again, the event would count again"),
        ({"timestamp": None}, "no timestamp"),
        ({"timestamp": 17}, "timestamp 17 is no time; write 2026-03-01T09:00:00Z, or the milliseconds since 1970, 1772355600000"),
        ({"event": " "}, "it has no event: nothing says what happened"),
        ({"distinct_id": None}, "no distinct_id: nobody whom it could be about"),
        ({"properties": "{"}, "not JSON"),
    ],
)
def test_an_event_that_is_none_is_kept_with_the_reason(changed: dict[str, Any], told: str) -> None:
    line = event("asked", outside=changed)
    (found,) = read_posthog(of_lines(line), CallReading(shipped_names()))
    assert (found.raw, found.body, found.reason) == (line, None, told)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda some: st.lists(some, max_size=2) | st.dictionaries(st.text(max_size=3), some, max_size=2),
    max_leaves=4,
)
fields = st.sampled_from(["uuid", "id", "distinct_id", "timestamp", "sent_at", "properties", "$set"])
properties = st.sampled_from(
    ["$device_id", "$anon_distinct_id", "$current_url", "$screen_name", "$set", "$set_once", "alias", "$group_key", "$group_type",
     "$group_set", "$groups", "$is_identified", "$referrer", "title", "utm_source", "order_id", "total", "currency"]
)  # fmt: skip
names = st.sampled_from(["$pageview", "$screen", "$identify", "$set", "$create_alias", "$groupidentify", "Order Completed", "asked"])


@settings(deadline=None)
@given(names, st.dictionaries(fields, values, max_size=2), st.dictionaries(properties, values))
def test_whatever_an_event_holds_it_is_a_touchpoint_or_a_reason(name: str, changed: dict[str, Any], said: dict[str, Any]) -> None:
    line = json.dumps({**orjson.loads(event(name)), "properties": said, **changed}).encode()
    found = list(read_posthog(of_lines(line), CallReading(shipped_names())))
    assert all((one.body is None) != (one.reason is None) for one in found)
    assert found or name == "$create_alias"
