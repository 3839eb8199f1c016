"""Bytes to touchpoint: what is read, what is kept, and what is refused with which reason."""

import json
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.instants import instant, iso
from journey.money import AMOUNT_MINOR_MAX
from journey.touchpoints import COMMON, TYPES, own_names
from schemas.decode import SENDING, Decoded, Unreadable, decode, touchpoint_of
from schemas.strict_json import BODY_BYTES_MAX, DEPTH_MAX
from tests.examples import EXAMPLES, example


def sent(event: dict[str, Any] | None = None, /, **attributes: Any) -> bytes:
    """The bytes of a touchpoint with some attributes of its envelope replaced; None takes one out."""
    replaced = {**(event or example("page_view")), **attributes}
    return orjson.dumps({name: value for name, value in replaced.items() if value is not None})


def with_raw(field: str, raw: str, type_name: str = "page_view") -> bytes:
    """The bytes of an example, with one field of its data written just so."""
    return orjson.dumps(example(type_name, **{field: "@"})).replace(b'"@"', raw.encode())


def refused(raw: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        decode(raw)
    return caught.value


def nested(depth: int) -> bytes:
    """A touchpoint whose deepest list is `depth` levels deep: the object and its data are the first two."""
    return with_raw("extra", "[" * (depth - 2) + "]" * (depth - 2))


PAGE_VIEW = sent()

BAD = {
    "nothing": (b"", "empty"),
    "blanks": (b" \n", "empty"),
    "not JSON": (b"{url: 1}", "not-json"),
    "half of it": (PAGE_VIEW[:-10], "not-json"),
    "two of them": (PAGE_VIEW + PAGE_VIEW, "not-json"),
    "NaN": (with_raw("seconds", "NaN"), "not-json"),
    "a byte order mark": (b"\xef\xbb\xbf" + PAGE_VIEW, "not-json"),
    "a line break in a text": (with_raw("title", '"a\nb"'), "not-json"),
    "not UTF-8": (PAGE_VIEW.replace(b"Shoes", b"Sch\xfche"), "not-utf-8"),
    "surrogates in UTF-8": (PAGE_VIEW.replace(b"Shoes", b"\xed\xa0\x80"), "not-utf-8"),
    "half of a surrogate pair": (with_raw("title", r'"\ud83d"'), "lone-surrogate"),
    "the wrong half": (with_raw("title", r'"\ude00"'), "lone-surrogate"),
    "a list of touchpoints": (b"[" + PAGE_VIEW + b"]", "not-an-object"),
    "a string": (b'"page_view"', "not-an-object"),
    "over 1 MB": (with_raw("extra", json.dumps("x" * BODY_BYTES_MAX)), "too-large"),
    "lists too deep": (nested(DEPTH_MAX + 1), "too-deep"),
    "objects too deep": (with_raw("extra", '{"a":' * DEPTH_MAX + "1" + "}" * DEPTH_MAX), "too-deep"),
    "lists deeper than any stack": (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
    "a NUL": (PAGE_VIEW.replace(b"Shoes", b"Sh\0es"), "nul"),
    "an escaped NUL": (with_raw("title", r'"Sh\u0000es"'), "nul"),
    "an escaped NUL after an escaped backslash": (with_raw("title", r'"\\\u0000"'), "nul"),
    "a NUL in a name": (PAGE_VIEW.replace(b"session", rb"sess\u0000ion"), "nul"),
    "an integer beyond 2^53": (with_raw("extra", str(2**53 + 1)), "number-too-large"),
    "one below -2^53": (with_raw("extra", f"[ -{2**53 + 1}]"), "number-too-large"),
    "one beyond 64 bits": (with_raw("extra", str(2**64)), "number-too-large"),
    "one of 400 digits": (with_raw("extra", "9" * 400), "number-too-large"),
    "one of 5000 digits": (with_raw("extra", "9" * 5000), "number-too-large"),
    "a number beyond floats": (with_raw("extra", "1e400"), "number-too-large"),
    "a decimal that is too small": (with_raw("amount", "1e-99999999999999999999", "refund"), "number-too-large"),
    "no specversion": (sent(specversion=None), "no-specversion"),
    "another specversion": (sent(specversion="0.3"), "wrong-specversion"),
    "no id": (sent(id=None), "no-id"),
    "an empty id": (sent(id=""), "no-id"),
    "a number as id": (sent(id=7), "wrong-type"),
    "a long id": (sent(id="7" * 513), "too-long"),
    "no source": (sent(source=None), "no-source"),
    "no type": (sent(type=None), "no-type"),
    "an unknown type": (sent(type="pageview"), "unknown-type"),
    "no subject": (sent(subject=None), "no-subject"),
    "a subject of no kind": (sent(subject="7"), "wrong-subject"),
    "a subject of an unknown kind": (sent(subject="person:7"), "wrong-subject"),
    "a subject without an id": (sent(subject="user:"), "wrong-subject"),
    "a subject that the type is never about": (sent(subject="deal:12"), "wrong-subject"),
    "a company that is not this one": (sent(example("fx_rate"), subject="company:acme"), "wrong-subject"),
    "no time": (sent(time=None), "no-time"),
    "a number as time": (sent(time=1772445600), "wrong-type"),
    "a time without zone": (sent(time="2026-03-02T10:00:00"), "time-without-zone"),
    "a day as time": (sent(time="2026-03-02"), "wrong-time"),
    "a blank instead of the T": (sent(time="2026-03-02 10:00:00Z"), "wrong-time"),
    "ISO 8601 that is not RFC 3339": (sent(time="20260302T100000Z"), "wrong-time"),
    "a week": (sent(time="2026-W10-1T10:00:00Z"), "wrong-time"),
    "a zone with seconds": (sent(time="2026-03-02T10:00:00+01:00:00"), "wrong-time"),
    "no such day": (sent(time="2026-02-29T10:00:00Z"), "wrong-time"),
    "no such zone": (sent(time="2026-03-02T10:00:00+24:00"), "wrong-time"),
    "a leap second": (sent(time="2016-12-31T23:59:60Z"), "wrong-time"),
    "a clock that was never set": (sent(time="1970-01-01T01:00:00+01:00"), "wrong-time"),
    "a time before 1970": (sent(time="1969-12-31T23:59:59Z"), "wrong-time"),
    "a time after 9999": (sent(time="9999-12-31T23:59:59-01:00"), "wrong-time"),
    "no data": (sent(data=None), "no-data"),
    "a list as data": (sent(data=[]), "wrong-type"),
    "data as bytes": (sent(data_base64="e30="), "wrong-content-type"),
    "data in XML": (sent(datacontenttype="application/xml"), "wrong-content-type"),
    "a schema that names nothing": (sent(dataschema="https://shop.example/schema"), "unknown-schema"),
    "an unknown version": (sent(dataschema="urn:journey:page_view:2"), "unknown-schema"),
    "the schema of another type": (sent(dataschema="urn:journey:call:1"), "schema-contradicts-type"),
    "a field missing": (sent(data={}), "missing-field"),
    "a field of the wrong type": (sent(example("page_view", url=7)), "wrong-type"),
    "a field that says what it can't": (sent(example("call", outcome="reached")), "wrong-value"),
    "an amount with too many decimals": (sent(example("close", amount="12.345")), "wrong-value"),
    "an amount without currency": (sent(example("ad_click", currency=None)), "wrong-value"),
    "a link to itself": (sent(example("identified", other="anon:a")), "self-link"),
    "an unlink from itself": (sent(example("unlinked", other="anon:a")), "self-link"),
    "a deal that is not the subject's": (sent(example("close", deal="13")), "wrong-subject"),
    "a campaign that is not the subject's": (sent(example("campaign_ended", campaign="autumn")), "wrong-subject"),
    "a content that is not the subject's": (sent(example("content_published", content="other")), "wrong-subject"),
    "spend of a campaign under the company": (sent(example("spend_recorded"), subject="company:self"), "wrong-subject"),
    "a deal's activity under a person": (sent(example("activity_scheduled"), subject="user:7"), "wrong-subject"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_touchpoint_is_unreadable_with_its_code_and_a_reason(case):
    raw, code = BAD[case]
    unreadable = refused(raw)
    assert unreadable.code == code, unreadable.reason
    assert 10 < len(unreadable.reason) < 400


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (sent(type="pageview"), "type \"pageview\" is not in the vocabulary; did you mean 'page_view'?"),
        (sent(specversion=None), 'specversion is missing; add "specversion": "1.0", that of CloudEvents'),
        (sent(time="2026-03-02T10:00:00"), 'time "2026-03-02T10:00:00" has no zone; end it with Z or an offset, such as +01:00'),
        (sent(subject="deal:12"), 'page_view can\'t be about "deal:12"; its subject is anon:<id>, user:<id>'),
        (sent(data={}), "data.url: Field required"),
        (sent(example("refund", amount="12.345")), "data: 12.345 EUR has more than 2 decimals"),
        (sent(example("refund", amount=f"{10**16}")), "data: 10000000000000000 EUR is beyond ±9,999,999,999,999,999.99, the most that an"),
        (sent(example("call", outcome="reached", seconds=-1)), "data.outcome: Input should be 'connected', 'voicemail', "),
        (sent(example("deal_opened", people=[{"role": "champion"}])), "data.people[0].person: Field required"),
        (with_raw("extra", str(2**64)), "18446744073709551616 is beyond ±2^53, where readers round; send it as a string"),
        (sent(example("close", deal="13")), 'subject is "deal:12" and data.deal is "13"; they have to name the same'),
        (b'{"id": 1,}', "not JSON: Expecting property name enclosed in double quotes at line 1, column 10"),
    ],
)
def test_a_reason_says_what_to_do(raw, reason):
    assert refused(raw).reason.startswith(reason)


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, kind in TYPES.items() for field in kind.money])
def test_every_amount_is_exact_up_to_a_bound_and_beyond_it_unreadable(name, field):
    def with_amount(amount: str) -> bytes:
        return sent(example(name, **{field: amount, "currency": "EUR"}))

    if name in ("order_placed", "refund") and field == "amount":
        assert refused(with_amount("-0.01")).code == "negative-amount"
    else:
        assert decode(with_amount("-9999999999999999.99")).touch.data.minor(field) == -AMOUNT_MINOR_MAX
    written = decode(with_amount("9999999999999999.99").replace(b'"9999999999999999.99"', b"9999999999999999.99"))
    assert touchpoint_of(written.body, written.touch.occurred_at).data.minor(field) == AMOUNT_MINOR_MAX
    unreadable = refused(with_amount("10000000000000000"))
    assert (unreadable.code, "the most that an amount may be" in unreadable.reason) == ("wrong-value", True)


def test_of_many_mistakes_the_first_three_are_told():
    reason = refused(sent(example("call", owner=1, direction=2, outcome=3, seconds="4"))).reason
    assert reason.count("data.") == 3
    assert reason.endswith("and 1 more")


def test_a_touchpoint_is_read():
    touch, _, unknown, _ = decode(sent(id="a", source="urn:web", subject="anon:b", time="2026-03-02T10:00:00.25+01:00"))
    assert touch.order == (instant(datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)), "urn:web", "a", "anon:b")
    assert touch.type == "page_view"
    assert touch.data.url == "https://shop.example/shoes"
    assert unknown == ()


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02t10:00:00z", "2026-03-02T10:00:00Z"),
        ("2026-03-02T10:00:00.000Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02T10:00:00.1Z", "2026-03-02T10:00:00.100000Z"),
        ("2026-03-02T10:00:00.123456999Z", "2026-03-02T10:00:00.123456Z"),
        ("2026-03-02T00:30:00+02:00", "2026-03-01T22:30:00Z"),
        ("2026-03-02T10:00:00-00:00", "2026-03-02T10:00:00Z"),
        ("1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00.000001Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_the_body_states_the_time_in_utc_to_the_microsecond(written, normal):
    assert orjson.loads(decode(sent(time=written)).body)["time"] == normal


def test_two_tries_with_other_times_of_sending_have_one_body():
    again = sent(**dict.fromkeys(SENDING, "2026-03-03T00:00:00Z"), datacontenttype="application/json; charset=utf-8")
    assert decode(again).body == decode(PAGE_VIEW).body


def test_the_order_and_the_blanks_of_the_json_make_no_difference():
    event = example("page_view")
    assert decode(json.dumps(dict(reversed(event.items())), indent=2).encode()) == decode(PAGE_VIEW)


def test_unknown_fields_and_attributes_are_kept_and_the_fields_are_told():
    touch, body, unknown, _ = decode(sent(example("page_view", scroll=0.5, extra={"a": [1]}), partitionkey="user:7"))
    assert unknown == ("extra", "scroll")
    assert orjson.loads(body)["data"]["extra"] == {"a": [1]}
    assert orjson.loads(body)["partitionkey"] == "user:7"
    assert touch.data == decode(PAGE_VIEW).touch.data


@pytest.mark.parametrize("type_name", ["profile_updated", "account_updated", "deal_updated"])
def test_of_an_update_it_is_known_which_fields_it_names(type_name):
    event = example(type_name, unheard_of=1)
    assert decode(sent(event)).touch.named == event["data"].keys() - {"unheard_of"}


def test_of_anything_else_it_is_not():
    assert decode(PAGE_VIEW).touch.named == frozenset()


def test_content_is_published_under_its_id_unless_it_says_so_itself():
    touch, body, *_ = decode(sent(example("content_published")))
    assert touch.about.content == "guide"
    assert "content" not in orjson.loads(body)["data"]


@pytest.mark.parametrize(
    "schema", ["urn:journey:page_view:1", "https://shop.example/page_view/1", "https://shop.example/page_view.v1.json"]
)
def test_a_schema_that_names_type_and_version_is_kept(schema):
    assert orjson.loads(decode(sent(dataschema=schema)).body)["dataschema"] == schema


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/vnd.shop+json", "text/json"])
def test_data_in_any_kind_of_json_is_read(content_type):
    assert decode(sent(datacontenttype=content_type)) == decode(PAGE_VIEW)


def test_a_backslash_before_u0000_is_a_backslash():
    assert decode(with_raw("title", r'"a\\u0000"')).touch.data.title == r"a\u0000"


def test_integers_up_to_2_to_the_53_are_exact_wherever_they_are():
    extra = [2**53, -(2**53), {"deeper": 1234567890123456}]
    assert orjson.loads(decode(sent(example("page_view", extra=extra))).body)["data"]["extra"] == extra


@pytest.mark.parametrize("text", ["12345678901234567890", ",12345678901234567890", '":12345678901234567890'])
def test_digits_in_a_text_are_no_number(text):
    assert decode(sent(example("page_view", title=text))).touch.data.title == text


def test_as_deep_as_allowed_is_read():
    assert decode(nested(DEPTH_MAX)).unknown == ("extra",)


def test_many_objects_side_by_side_are_not_deep():
    assert decode(sent(example("page_view", extra=[{}] * 100))).unknown == ("extra",)


def test_as_large_as_allowed_is_read():
    room = BODY_BYTES_MAX - len(with_raw("extra", '""'))
    assert decode(with_raw("extra", json.dumps("x" * room))).unknown == ("extra",)


@pytest.mark.parametrize(
    ("number", "kept"),
    [("12.5", 12.5), ("12.50", 12.5), ("0.1", 0.1), ("1e2", 100.0), ("7", 7), ("0.12345678901234567890123", "0.12345678901234567890123")],
)
def test_a_decimal_that_is_a_json_number_is_read_to_its_last_digit(number, kept):
    decoded = decode(with_raw("value", number, "market_insight"))
    assert decoded.touch.data.value == Decimal(number)
    assert orjson.loads(decoded.body)["data"]["value"] == kept
    assert decode(decoded.body) == decoded


def test_an_amount_is_the_same_as_a_string_and_as_a_number():
    assert decode(with_raw("amount", "0.07", "refund")).touch == decode(with_raw("amount", '"0.07"', "refund")).touch


@pytest.mark.parametrize("type_name", EXAMPLES)
def test_the_body_of_a_touchpoint_decodes_to_it_and_to_itself(type_name):
    decoded = decode(sent(EXAMPLES[type_name]))
    assert decode(decoded.body) == decoded


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(
    datetime(1970, 1, 3),
    datetime(9999, 12, 29),
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
DECIMALS = st.decimals(-1_000_000, 1_000_000, allow_nan=False, allow_infinity=False, places=12)


@st.composite
def touchpoints(draw: st.DrawFn) -> bytes:
    """An example of any type, with a time of its own, unknown fields and attributes, and its decimals as strings or as numbers."""
    event = example(draw(st.sampled_from(list(EXAMPLES))))
    if "value" in event["data"] and event["type"] in ("market_insight", "target_set"):
        event["data"]["value"] = draw(DECIMALS.map(str) | DECIMALS.map(float) | st.integers(-1000, 1000))
    unknown = draw(st.dictionaries(TEXTS.map("x{}".format), ANYTHING, max_size=3))
    attributes = draw(st.dictionaries(st.text("abc", min_size=3, max_size=5), TEXTS, max_size=2))
    moment = draw(TIMES)
    return json.dumps({**attributes, **event, "time": moment.isoformat(), "data": {**event["data"], **unknown}}).encode()


@given(touchpoints())
@settings(deadline=None)
def test_decoding_what_was_decoded_changes_nothing(raw):
    decoded = decode(raw)
    assert decode(decoded.body) == decoded
    assert orjson.loads(decoded.body)["time"] == iso(decoded.touch.occurred_at)


@given(st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None)
def test_whatever_the_bytes_are_they_are_a_touchpoint_or_unreadable(raw):
    with suppress(Unreadable):
        assert isinstance(decode(raw), Decoded)


@given(st.sampled_from(list(EXAMPLES)), st.data())
@settings(deadline=None, max_examples=300)
def test_whatever_a_field_holds_it_is_a_touchpoint_or_unreadable(type_name, data):
    event = example(type_name)
    holder = data.draw(st.sampled_from([event, event["data"]] if event["data"] else [event]))
    holder[data.draw(st.sampled_from(list(holder)))] = data.draw(ANYTHING)
    with suppress(Unreadable):
        decoded = decode(json.dumps(event).encode())
        assert decode(decoded.body) == decoded


def test_the_same_body_at_another_time_has_the_same_digest_and_anything_else_another():
    first, later = decode(sent(time="2026-03-02T10:00:00Z")), decode(sent(time="2026-03-02T11:00:00Z"))
    assert first.digest == later.digest
    assert first.body != later.body
    assert decode(sent(id="another")).digest != first.digest


def test_null_is_as_if_it_were_not_there_except_where_it_clears_a_field():
    assert decode(sent(example("page_view", products=None, bot=None))).touch.data == decode(PAGE_VIEW).touch.data
    assert decode(sent(example("profile_updated", country=None))).touch.named >= {"country"}


@pytest.mark.parametrize("type_name", TYPES)
def test_what_any_touchpoint_may_say_is_about_it_where_its_type_requires_it_too(type_name: str) -> None:
    said, kind = example(type_name)["data"], TYPES[type_name]
    touch = decode(sent(example(type_name))).touch
    for field in COMMON & own_names(kind) & said.keys():
        own, common = getattr(touch.data, field), getattr(touch.about, field)
        assert (own, common) == (own, None if field in kind.not_about else own), field


def test_an_engagement_says_both_its_social_network_and_where_it_was_sent_from() -> None:
    decoded = decode(sent(example("social_engagement", network="linkedin", about_network="internal")))
    for touch in (decoded.touch, touchpoint_of(decoded.body, decoded.touch.occurred_at)):
        assert (touch.data.network, touch.about.network) == ("linkedin", "internal")
        assert (touch.says("network"), touch.says("about_network")) == ("linkedin", "internal")
    assert decoded.unknown == ()
    assert decode(sent(example("form_submitted", network="internal"))).touch.says("network") == "internal"


@pytest.mark.parametrize("network", ["internal", "datacenter"])
def test_an_engagement_with_its_senders_network_for_the_social_one_is_refused(network: str) -> None:
    with pytest.raises(Unreadable, match=f'network of social_engagement is the social network, not "{network}"; about_network is where'):
        decode(sent(example("social_engagement", network=network)))
    assert decode(sent(example("social_engagement", network=network, about_network="other"))).touch.data.network == network


def test_what_is_wrong_with_either_network_is_said_of_that_one() -> None:
    with pytest.raises(Unreadable) as refused:
        decode(sent(example("social_engagement", network=7, about_network="office")))
    assert "data.about_network: Input should be 'internal'" in str(refused.value)
    assert "data.network: Input should be a valid string" in str(refused.value)


def test_what_is_said_alike_is_one_value_whatever_else_is_said() -> None:
    sessions = (("email_opened", "s1"), ("email_delivered", "s1"), ("email_opened", "s2"))
    one, other, another = (decode(sent(example(name, message="m1", session=session))).touch for name, session in sessions)
    assert one.about is other.about is not another.about
    assert one.data is another.data


def test_what_is_wrong_with_a_field_that_both_have_is_told_once_beside_the_rest() -> None:
    with pytest.raises(Unreadable) as refused:
        decode(sent(data={"url": 5, "deal": 7, "kind": "book"}))
    assert [str(refused.value).count(f"data.{field}: ") for field in ("deal", "url", "kind")] == [1, 1, 1]


def test_what_is_kept_to_be_shared_takes_little_more_than_it_says() -> None:
    """What orjson returns holds on to four kilobytes."""
    views = [with_raw("title", f'"view {number}"') for number in range(300)]
    decode(views[0])
    tracemalloc.start()
    try:
        decoded = [decode(view).touch.data for view in views]
        del decoded
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2_000 * len(views)
