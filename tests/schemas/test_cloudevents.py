"""Both modes of CloudEvents over Kafka come to the same touchpoint."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cloudevents import from_headers, to_headers
from schemas.decode import Unreadable, decode
from tests.examples import EXAMPLES, example

STRUCTURED = ("content-type", b"application/cloudevents+json; charset=utf-8")


def binary(**attributes):
    """The headers and the value of a page_view in binary mode, some attributes replaced; None takes one out."""
    event = example("page_view")
    value = orjson.dumps(event.pop("data"))
    event.update(attributes)
    return [(f"ce_{name}", text.encode()) for name, text in event.items() if text is not None], value


def structured(type_name="page_view", **attributes):
    return orjson.dumps({**example(type_name), **attributes})


def refused(headers, value):
    with pytest.raises(Unreadable) as caught:
        decode(from_headers(headers, value))
    return caught.value


def test_binary_mode_is_read_like_structured_mode():
    headers, value = binary()
    assert decode(from_headers([*headers, ("content-type", b"application/json")], value)) == decode(structured())


def test_without_headers_the_value_is_the_touchpoint():
    assert from_headers([], structured()) == structured()


def test_headers_of_others_make_no_difference():
    assert from_headers([("traceparent", b"00-1-2-01"), ("x-shop", b"\xff"), STRUCTURED], structured()) == structured()


def test_extension_attributes_travel_as_headers_too():
    headers, value = binary(partitionkey="user:7")
    assert orjson.loads(from_headers(headers, value))["partitionkey"] == "user:7"


def test_header_names_are_read_in_any_case():
    headers, value = binary()
    shouted = [(name.upper(), text) for name, text in headers]
    assert decode(from_headers([*shouted, ("Content-Type", b"application/json")], value)) == decode(structured())


def test_a_number_in_the_data_keeps_its_digits():
    value = b'{"order":"order-1","currency":"EUR","amount":0.12345678901234567890123}'
    headers, _ = binary(type="refund")
    assert b"0.12345678901234567890123}" in from_headers(headers, value)


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_value_is_unreadable(value):
    assert refused(binary()[0], value).code == "empty"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("content-type", b"application/cloudevents-batch+json")], "batch"),
        ([("content-type", b"application/cloudevents+avro")], "wrong-content-type"),
        ([*binary()[0], ("content-type", b"application/xml")], "wrong-content-type"),
        ([*binary()[0], ("ce_id", b"another")], "header-twice"),
        (binary(id=None)[0], "no-id"),
        (binary(subject="deal:12")[0], "wrong-subject"),
        ([*binary()[0], ("ce_note", b"\xff")], "not-utf-8"),
        ([*binary()[0], ("ce_data", b"{}")], "headers-contradict-body"),
    ],
)
def test_headers_that_make_no_touchpoint_are_unreadable(headers, code):
    assert refused(headers, binary()[1]).code == code


@pytest.mark.parametrize("value", [b'{"url":"a"', b'{"url":"a"},"id":"another","x":{}', b'{"url":"a"} , {}'])
def test_a_value_that_is_no_json_by_itself_cannot_reach_into_the_envelope(value):
    assert refused(binary()[0], value).code == "not-json"


@pytest.mark.parametrize("attribute", ["id", "source", "type", "subject"])
def test_headers_and_a_structured_value_that_contradict_each_other_are_unreadable(attribute):
    headers, _ = binary(**{attribute: "another"})
    for mode in [STRUCTURED], []:
        unreadable = refused([*headers, *mode], structured())
        assert unreadable.code == "headers-contradict-body"
        assert attribute in unreadable.reason


def test_headers_and_a_structured_value_that_agree_are_read():
    headers, _ = binary(time="2026-03-02T11:00:00+01:00")
    assert decode(from_headers([*headers, STRUCTURED], structured())) == decode(structured())


@pytest.mark.parametrize("type_name", EXAMPLES)
def test_what_is_published_in_binary_mode_comes_back_the_same(type_name):
    decoded = decode(structured(type_name))
    headers, value = to_headers(decoded.body)
    assert ("content-type", b"application/json") in headers
    assert decode(from_headers(headers, value)) == decoded


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(TEXTS, TEXTS, TEXTS)
@settings(deadline=None)
def test_so_does_whatever_it_is_named(id_, source, rest):
    decoded = decode(structured(id=id_, source=source, subject=f"user:{rest}"))
    assert decode(from_headers(*to_headers(decoded.body))) == decoded
