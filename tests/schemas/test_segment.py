"""Segment's calls become touchpoints, and none is lost."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decode import Unreadable, decode
from schemas.incoming import Incoming
from schemas.outside_calls import CallReading
from schemas.outside_names import shipped_names
from schemas.segment import SOURCE, read_segment
from tests.schemas.lines import of_file, of_lines

MONDAY = "2026-03-02T10:00:00.000Z"
TUESDAY = "2026-03-03T10:00:00.000Z"


def call(kind: str, /, **fields: Any) -> bytes:
    """A call of user u1, unless it says otherwise."""
    return orjson.dumps({"type": kind, "messageId": "m1", "userId": "u1", "timestamp": MONDAY, **fields})


def read(*lines: bytes) -> list[Incoming]:
    return read_by(CallReading(shipped_names()), *lines)


def read_by(by: CallReading, *lines: bytes) -> list[Incoming]:
    return list(read_segment(of_lines(*lines), by))


def made(*lines: bytes) -> list[Any]:
    """The CloudEvents made of the calls, each of which decodes."""
    found = read(*lines)
    for one in found:
        assert one.body is not None, one.reason
        decode(one.body)
    return [orjson.loads(one.body or b"") for one in found]


def reason(line: bytes) -> str | None:
    (found,) = read(line)
    assert found.body is None
    assert found.raw == line.strip()
    return found.reason


def test_a_call_is_a_cloud_event_under_its_own_id_and_time() -> None:
    line = call("track", event="Walked By", originalTimestamp=TUESDAY, sentAt=TUESDAY)
    (found,) = read(line)
    assert (found.raw, found.source, found.place) == (line, "calls.jsonl", "calls.jsonl:1")
    assert orjson.loads(found.body or b"") == {
        "specversion": "1.0",
        "id": "m1",
        "source": SOURCE,
        "time": MONDAY,
        "sentat": TUESDAY,
        "originaltime": TUESDAY,
        "subject": "user:u1",
        "type": "custom",
        "data": {"name": "Walked By"},
    }


def test_blank_lines_are_no_calls_and_count_as_lines() -> None:
    assert [one.place for one in read(b"", call("page"), b"  ", call("page"))] == ["calls.jsonl:2", "calls.jsonl:4"]


def test_a_call_without_a_user_is_about_an_anonymous_person() -> None:
    (found,) = made(call("track", event="x", userId=None, anonymousId="a1"))
    assert found["subject"] == "anon:a1"


def test_an_id_that_is_a_number_is_its_digits() -> None:
    assert made(call("track", event="x", userId=42))[0]["subject"] == "user:42"


def test_the_original_time_stands_in_where_there_is_no_timestamp() -> None:
    assert made(call("track", event="x", timestamp=None, originalTimestamp=TUESDAY))[0]["time"] == TUESDAY


# --- what becomes of each kind of call


def test_a_page_is_a_page_view_with_where_it_came_from() -> None:
    (found,) = made(
        call(
            "page",
            name="Pricing",
            properties={"url": "https://x.example/pricing?gclid=Cj0&x=1", "title": "Prices", "path": "/pricing"},
            context={
                "page": {"referrer": "https://www.google.com/"},
                "campaign": {"name": "spring", "source": "google", "medium": "cpc", "term": "crm", "content": "blue"},
                "userAgent": "Firefox",
            },
        )
    )
    assert found["type"] == "page_view"
    assert found["data"] == {
        "url": "https://x.example/pricing?gclid=Cj0&x=1",
        "kind": "page",
        "title": "Prices",
        "view": "Pricing",
        "referrer": "https://www.google.com/",
        "agent": "Firefox",
        "utm_campaign": "spring",
        "utm_source": "google",
        "utm_medium": "cpc",
        "utm_term": "crm",
        "utm_content": "blue",
        "properties": {"path": "/pricing"},
    }


@pytest.mark.parametrize("kind", ["track", "identify", "page"])
def test_the_link_that_brought_a_person_is_kept_with_its_query(kind: str) -> None:
    said = {"event": "Something"} if kind == "track" else {"traits": {"title": "CTO"}} if kind == "identify" else {}
    (found,) = made(call(kind, **said, context={"page": {"url": "https://x.example/#top", "search": "?utm_source=a&gclid=1"}}))
    assert found["data"]["url"] == "https://x.example/?utm_source=a&gclid=1#top"


def test_a_query_that_a_page_says_itself_comes_before_that_of_its_context() -> None:
    page = {"url": "https://x.example/", "search": "?gclid=1"}
    (found,) = made(call("page", properties={"path": "/", "search": "?utm_source=a"}, context={"page": page}))
    assert found["data"]["url"] == "https://x.example/?utm_source=a"


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ({"search": "?utm_source=google"}, "?utm_source=google"),
        ({"path": "/a", "search": "utm_source=google"}, "/a?utm_source=google"),
        ({"url": "https://a.example/?a=b#c", "search": "?utm_source=google"}, "https://a.example/?a=b&utm_source=google#c"),
        ({"url": "https://a.example/?utm_source=google", "search": "?utm_source=google"}, "https://a.example/?utm_source=google"),
    ],
)
def test_a_query_that_is_said_apart_is_never_lost(page: dict[str, str], url: str) -> None:
    (found,) = made(call("track", event="Signed Up", context={"page": page}))
    assert found["data"]["url"] == url


def test_a_link_that_no_field_could_hold_is_left_out() -> None:
    (found,) = made(call("track", event="Something", context={"page": {"url": "https://x.example/?" + "a" * 20_000}}))
    assert "url" not in found["data"]


def test_a_page_may_say_where_it_is_in_its_context() -> None:
    (found,) = made(call("page", context={"page": {"url": "https://x.example/", "title": "Home"}}))
    assert (found["data"]["url"], found["data"]["title"]) == ("https://x.example/", "Home")


def test_a_screen_is_a_page_view_of_its_name() -> None:
    (found,) = made(call("screen", name="Home", properties={"tab": 1}))
    assert found["data"] == {"url": "screen:Home", "kind": "screen", "view": "Home", "properties": {"tab": 1}}


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_a_page_that_says_not_where_is_kept_as_custom(kind: str) -> None:
    (found,) = made(call(kind, properties={"a": 1}))
    assert (found["type"], found["data"]) == ("custom", {"name": kind, "properties": {"a": 1}})


def test_identify_updates_the_profile_and_null_clears() -> None:
    traits = {"title": "CTO", "gender": None, "address": {"country": "DE", "state": "BY"}, "email": "a@x.example", "plan": "pro"}
    found, _ = made(call("identify", traits=traits))
    assert found["type"] == "profile_updated"
    assert found["data"] == {
        "job_title": "CTO",
        "gender": None,
        "country": "DE",
        "region": "BY",
        "traits": {"address": {"country": "DE", "state": "BY"}, "email": "a@x.example", "plan": "pro"},
    }


def test_identify_with_both_ids_links_them_at_its_own_time() -> None:
    profile, link = made(call("identify", anonymousId="a1", traits={"plan": "pro"}))
    assert profile["subject"] == "user:u1"
    assert (link["id"], link["subject"], link["type"]) == ("m1#link", "anon:a1", "identified")
    assert link["data"] == {"other": "user:u1", "method": "identify"}


def test_identify_that_says_nothing_else_is_only_the_link() -> None:
    assert [one["type"] for one in made(call("identify", anonymousId="a1"))] == ["identified"]
    assert [one["type"] for one in made(call("identify"))] == ["profile_updated"]


def test_identify_presumes_a_link_with_the_address_in_one_form() -> None:
    linked = {"other": "user:ana@firm.example", "method": "email", "presumed": True}
    _, link = made(call("identify", traits={"email": " Ana@Firm.example"}))
    assert (link["id"], link["subject"], link["type"], link["data"]) == ("m1#email", "user:u1", "identified", linked)
    _, link = made(call("identify", userId=None, anonymousId="a1", traits={"email": "ana@firm.example"}))
    assert (link["subject"], link["data"]) == ("anon:a1", linked)
    *_, link = made(call("identify", userId="Ana@Firm.example"))
    assert (link["subject"], link["data"]) == ("user:Ana@Firm.example", linked)


@pytest.mark.parametrize("email", ["", "ana", "ana@", "@firm.example", "ana @firm.example", None, 7, "x@" + 260 * "x", "u1@x.example"])
def test_what_is_no_address_or_the_user_already_links_nobody(email: object) -> None:
    assert [one["type"] for one in made(call("identify", userId="u1@x.example", traits={"email": email}))] == ["profile_updated"]


def test_group_joins_an_account_and_updates_it() -> None:
    joined, updated = made(call("group", groupId="acme", traits={"name": "Acme", "employees": "329", "plan": "pro", "since": 2020}))
    assert (joined["type"], joined["subject"], joined["data"]) == ("account_joined", "user:u1", {"account": "acme"})
    assert (updated["id"], updated["type"], updated["subject"]) == ("m1#account", "account_updated", "account:acme")
    assert updated["data"] == {"name": "Acme", "employees": 329, "tier": "pro", "traits": {"since": 2020}}


def test_group_without_traits_only_joins() -> None:
    assert [one["type"] for one in made(call("group", groupId="acme"))] == ["account_joined"]


def test_alias_presumes_that_the_previous_id_is_a_user_or_an_anonymous_one() -> None:
    found = made(call("alias", previousId="a0"))
    assert [(one["id"], one["subject"], one["data"]) for one in found] == [
        ("m1#link", "user:u1", {"other": "anon:a0", "method": "alias", "presumed": True}),
        ("m1#user-link", "user:u1", {"other": "user:a0", "method": "alias", "presumed": True}),
    ]


def test_alias_of_anonymous_ids_alone_presumes_too() -> None:
    found = made(call("alias", previousId="a0", userId=None, anonymousId="a1"))
    assert [(one["subject"], one["data"]["other"]) for one in found] == [("anon:a1", "anon:a0"), ("anon:a1", "user:a0")]


# --- links that calls only show


def links(*lines: bytes) -> list[tuple[str, str, str]]:
    return [(one["id"], one["time"], one["data"]["other"]) for one in made(*lines) if one["type"] == "identified"]


def test_calls_with_both_ids_show_one_link_whose_body_is_always_the_same() -> None:
    page = call("page", messageId="m1", anonymousId="a1", context={"userAgent": "x"}, originalTimestamp=MONDAY, sentAt=TUESDAY)
    track = call("track", messageId="m2", anonymousId="a1", event="x")
    (one,), (other,) = ([body for body in made(line) if body["type"] == "identified"] for line in (page, track))
    assert one == other


def test_a_link_is_said_again_only_where_it_is_seen_earlier() -> None:
    later, first = call("track", anonymousId="a1", event="x", timestamp=TUESDAY), call("track", anonymousId="a1", event="x", messageId="m2")
    assert [time for _, time, _ in links(first, later, first)] == [MONDAY]
    assert [time for _, time, _ in links(later, first, later)] == [TUESDAY, MONDAY]


def test_other_pairs_of_ids_are_other_links() -> None:
    calls = [call("track", anonymousId=a, userId=u, event="x", messageId=f"{a}{u}") for a, u in [("a", "b"), ("a", "c"), ("ab", "b")]]
    assert len({id for id, _, _ in links(*calls)}) == 3


# --- tracked events


def test_an_event_with_a_name_of_ours_is_that_touchpoint_and_keeps_the_rest() -> None:
    products = [{"product_id": "p1", "price": 19}, {"product_id": 2}]
    properties = {"order_id": 50314, "total": 27.5, "currency": "usd", "products": products, "coupon": "X"}
    (found,) = made(call("track", event="Order Completed", properties=properties))
    assert found["type"] == "order_placed"
    assert found["data"] == {
        "order": "50314",
        "amount": 27.5,
        "currency": "USD",
        "products": ["p1", "2"],
        "properties": {"products": products, "coupon": "X"},
    }


@pytest.mark.parametrize(
    ("properties", "lacks"),
    [
        ({"order_id": "1", "currency": "USD"}, "no amount"),
        ({"order_id": "1", "total": "", "currency": None}, "no amount, no currency"),
        ({}, "no order, no amount, no currency"),
    ],
)
def test_an_event_that_does_not_say_what_its_touchpoint_needs_is_custom_and_noticed(properties: dict[str, Any], lacks: str) -> None:
    by = CallReading(shipped_names())
    (one,) = read_by(by, call("track", event="Order Completed", properties=properties))
    found = orjson.loads(one.body or b"")
    assert (found["type"], found["data"]["name"]) == ("custom", "Order Completed")
    assert by.noticed.left_out == {("Order Completed", f"no order_placed: it says {lacks}"): 1}


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"total": "free", "currency": "USD"}, "total is 'free', which is no number; send digits and a point only, such as 1299.00"),
        (
            {"total": "1,299.00", "currency": "USD"},
            "total is '1,299.00', which is no number; send digits and a point only, such as 1299.00",
        ),
        ({"total": "$45.00", "currency": "USD"}, "total is '$45.00', which is no number; send digits and a point only, such as 1299.00"),
        ({"total": 5, "currency": "dollars"}, "total is 5 DOLLARS, which is no currency; send its code of ISO 4217, such as EUR"),
        (
            {"total": 5},
            "total is 5, and there is no currency: send one, or give its source a default_currency in the definition",
        ),
        ({"order_id": {"a": 1}, "total": 5, "currency": "USD"}, "order_id is {'a': 1}, which is no order"),
    ],
)
def test_what_its_touchpoint_needs_and_can_not_be_read_is_a_dead_letter_with_the_cure(properties: dict[str, Any], told: str) -> None:
    assert reason(call("track", event="Order Completed", properties={"order_id": "1"} | properties)) == f"Order Completed: {told}"


@pytest.mark.parametrize(
    ("total", "amount", "rounded"),
    [
        (59.970000000000006, "59.97", 0),
        ("59.699999999999996", "59.70", 0),
        (448.753425, "448.75", 1),
        ("0.125", "0.12", 1),
        ("0.135", "0.14", 1),
        (30, "30", 0),
    ],
)
def test_an_amount_is_whole_minor_units_and_what_is_more_than_noise_is_counted(total: object, amount: str, rounded: int) -> None:
    by = CallReading(shipped_names())
    line = call("track", event="Order Completed", properties={"order_id": "1", "total": total, "currency": "USD"})
    (one,) = read_by(by, line)
    assert decode(one.body or b"").touch.data.amount == Decimal(amount)  # type: ignore[union-attr]
    assert by.noticed.rounded == rounded


def test_a_source_may_have_a_currency() -> None:
    line = call("track", event="Order Completed", properties={"order_id": "1", "total": 5})
    (one,) = read_by(CallReading(shipped_names(), "CHF"), line)
    assert orjson.loads(one.body or b"")["data"]["currency"] == "CHF"


def test_what_is_left_out_is_noticed_by_name() -> None:
    by = CallReading(shipped_names())
    lines = [call("track", event=name, properties={"product_id": "p", "price": 3}) for name in ("Dance", "Dance", "Product Viewed")]
    assert len(read_by(by, *lines)) == 3
    without = "price is 3, and there is no currency: send one, or give its source a default_currency in the definition"
    assert by.noticed.left_out == {("Dance", "no touchpoint is named for it"): 2, ("Product Viewed", without): 1}


@pytest.mark.parametrize("total", [1e17, "10000000000000000", 10**30, "9e99999", "1e999999", "-1e999999"])
def test_money_beyond_any_amount_is_not_left_out_but_unreadable(total: object) -> None:
    raw = call("track", event="Order Completed", properties={"order_id": "1", "total": "@", "currency": "USD"})
    (found,) = read(raw.replace(b'"@"', json.dumps(total).encode()))
    with pytest.raises(Unreadable, match="amount"):
        decode(found.body or b"")


def test_a_custom_event_has_a_value_where_it_is_money() -> None:
    (found,) = made(call("track", event="Donated", properties={"value": 5, "currency": "eur"}))
    assert (found["data"]["value"], found["data"]["currency"]) == (5, "EUR")
    (found,) = made(call("track", event="Donated", properties={"value": 5}))
    assert "value" not in found["data"]


def test_numbers_keep_their_digits() -> None:
    numbers = b'"a":0.1000000000000000055511151231257827,"b":12345678901234567890,"c":1e999'
    line = call("track", event="x", properties={"a": 1}).replace(b'"a":1', numbers)
    (found,) = read(line)
    properties = json.loads(found.body or b"", parse_float=Decimal)["data"]["properties"]
    assert properties == {"a": Decimal("0.1000000000000000055511151231257827"), "b": "12345678901234567890", "c": "1e999"}
    decode(found.body or b"")


# --- what can't be read


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "not JSON"),
        (b"7", "not a JSON object"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "no messageId: sent again, the call would count again"),
        (b'{"a":' + b"[" * 100_000, "objects and lists nest too deep"),
        (b'{"a":"' + b"x" * 1_000_001 + b'"}', "a call of more than 1000000 bytes"),
        (call("track", messageId=""), "no messageId: sent again, the call would count again"),
        (call("track", timestamp=None), "no timestamp"),
        (
            call("track", timestamp=17),
            "timestamp 17 is no time; write 2026-03-01T09:00:00Z, or the milliseconds since 1970, 1772355600000",
        ),
        (call("track", event=" "), "a track call without the name of its event"),
        (call("track", event="x", userId=None), "neither userId nor anonymousId: nobody whom it could be about"),
        (call("group"), "a group call without a groupId"),
        (call("alias"), "an alias call needs previousId, and userId or anonymousId"),
        (call("wave"), "a call's type is track, identify, page, screen, group or alias"),
        (call("track", event="x").replace(b'"x"', b'"\\ud800"'), "text with half a character, or objects and lists that nest too deep"),
    ],
)
def test_a_line_that_is_no_call_is_kept_with_the_reason(line: bytes, told: str) -> None:
    assert reason(line) == told


def test_a_bad_line_leaves_the_others() -> None:
    found = read(call("track", event="x"), b"{", call("track", event="y", messageId="m2"))
    assert [one.reason is None for one in found] == [True, False, True]


values = st.recursive(
    st.sampled_from([None, True, 7, -1.5, 2**70, float("inf"), "", "a", "\0", "\ud800", "https://x.example/?gclid=1", MONDAY]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "url", "page", "total", "address"]), inner, max_size=2)
    ),
    max_leaves=4,
)
fields = st.sampled_from(
    [
        "messageId",
        "userId",
        "anonymousId",
        "timestamp",
        "event",
        "properties",
        "traits",
        "context",
        "groupId",
        "previousId",
        "sentAt",
        "name",
    ]
)


@settings(deadline=None)
@given(kind=st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]), fields=st.dictionaries(fields, values))
def test_whatever_a_call_holds_it_is_a_touchpoint_or_a_reason(kind: str, fields: dict[str, Any]) -> None:
    found = read(json.dumps({"messageId": "m", "userId": "u", "timestamp": MONDAY, "event": "x", "type": kind, **fields}).encode())
    assert found
    assert all((one.body is None) != (one.reason is None) for one in found)


def test_half_a_character_in_an_id_is_a_reason_and_not_a_crash():
    line = b'{"type":"track","event":"x","messageId":"m","userId":"u","anonymousId":"\\ud800","timestamp":"2026-03-04T08:00:00Z"}'
    (one,) = read_by(CallReading({}), line)
    assert one.body is None
    assert "half of a character" in (one.reason or "")


# --- bodies that hold many


BODY = b"""{
  "sentAt": "2026-03-02T10:00:05.000Z",
  "batch": [
    {"type": "track", "event": "Walked By", "messageId": "m1", "userId": "u1", "timestamp": "2026-03-02T10:00:00.000Z"},
    {"type": "track", "event": "Walked By", "messageId": "m2", "userId": "u1", },
    {"type": "page", "messageId": "m3", "userId": "u1", "timestamp": "2026-03-02T10:00:00.000Z", "sentAt": "2026-03-02T10:00:01.000Z",
     "context": {"page": {"url": "https://x.example/]"}}}
  ],
  "context": {"userAgent": "Mozilla", "page": {"url": "https://other.example/"}}, "writeKey": "x"
}"""


@pytest.mark.parametrize("body", [BODY, BODY.replace(b"\n", b" ") + b"\n"], ids=["over many lines", "on one line"])
def test_the_calls_of_a_body_are_calls_and_what_it_says_holds_for_those_that_say_nothing_else(body: bytes) -> None:
    first, bad, last = read_segment(of_file(body), CallReading(shipped_names()))
    by_body, by_itself = orjson.loads(first.body or b""), orjson.loads(last.body or b"")
    assert (by_body["sentat"], by_itself["sentat"]) == ("2026-03-02T10:00:05.000Z", "2026-03-02T10:00:01.000Z")
    assert by_body["data"] == {"name": "Walked By", "agent": "Mozilla", "url": "https://other.example/"}
    assert by_itself["data"] == {"agent": "Mozilla", "url": "https://x.example/]", "kind": "page"}
    assert (bad.reason, bad.raw) == ("not JSON", b'{"type": "track", "event": "Walked By", "messageId": "m2", "userId": "u1", }')
    assert bad.place == ("calls.jsonl:5[1]" if body is BODY else "calls.jsonl:1[1]")
    assert first.raw in body


def test_a_body_on_each_line_and_calls_between_them_are_all_read() -> None:
    one, other = (b'{"batch":[%b],"sentAt":"2026-03-02T10:00:05.000Z"}' % call("track", event="x", messageId=id) for id in ("m1", "m2"))
    found = made(one, call("track", event="x", messageId="m3"), b'{"batch":[]}', other)
    assert [touch["id"] for touch in found] == ["m1", "m3", "m2"]


def test_of_a_body_that_is_cut_off_the_whole_calls_are_taken_in() -> None:
    first, rest = read(b'{"batch":[%b,%b' % (call("track", event="x"), call("track", event="y")[:40]))
    assert first.body is not None
    assert (rest.reason, rest.place) == (
        "the body ends here, in the middle of its batch; what came before was taken in",
        "calls.jsonl:1[1]",
    )


@pytest.mark.parametrize(
    "behind",
    [
        b'{"batch":[%b]} {"batch":[%b]}',
        b'{"batch":[%b]},{"batch":[%b]}',
        b'{"batch":[%b],"batch":[%b]}',
        b'{"batch":[%b],%b]}',
        b'{"type":"track","event":"Own","userId":"7","batch":[%b],"context":%b}',
    ],
)
def test_what_stands_beside_a_batch_and_may_be_calls_is_a_letter_and_never_lost(behind: bytes) -> None:
    line = behind % (call("track", event="x", messageId="m1"), call("track", event="y", messageId="m2"))
    *taken, left = read(line)
    assert [orjson.loads(one.body or b"{}").get("id") for one in taken] == ["m1"]
    assert (left.body, left.raw, left.reason is None) == (None, line, False)


@pytest.mark.parametrize("said", [1772445600000, 1772445600, "1772445600000", 1772445600.0], ids=str)
def test_a_time_may_be_a_number_of_milliseconds_or_of_seconds(said: object) -> None:
    (found,) = made(call("track", event="x", timestamp=said, sentAt=said))
    assert (found["time"], found["sentat"]) == ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z")


def test_a_time_of_milliseconds_keeps_them() -> None:
    (found,) = made(call("track", event="x", timestamp=1772445600123))
    assert found["time"] == "2026-03-02T10:00:00.123000Z"
