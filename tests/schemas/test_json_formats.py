"""What a file of JSON is taken for, and that no bytes are too strange to be kept."""

import gzip
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import Refused
from schemas.decode import Unreadable, decode
from schemas.definition_files import default_definition
from schemas.json_formats import LOOKED_AT_MAX, Format, look, read_as, settled
from schemas.noticed import Noticed
from tests.schemas.lines import of_file, of_lines

EVENTS = {
    "a CloudEvent": ({"specversion": "1.0", "messageId": "m", "distinct_id": "d", "event": "e"}, Format.cloudevents),
    "one without its version": ({"type": "page_view", "subject": "user:7"}, Format.cloudevents),
    "a call": ({"type": "track", "messageId": "m"}, Format.segment),
    "a call without an id": ({"type": "identify", "userId": "7"}, Format.segment),
    "a body of calls": ({"batch": [{}, {"type": "page", "messageId": "m"}], "sentAt": "now"}, Format.segment),
    "a body of none": ({"batch": [], "writeKey": "k"}, Format.segment),
    "PostHog's": ({"event": "$pageview", "distinct_id": "d"}, Format.posthog),
    "a body of PostHog's": ({"api_key": "k", "batch": [{"event": "$pageview", "distinct_id": "d"}]}, Format.posthog),
    "Mixpanel's": ({"event": "Signed Up", "properties": {"distinct_id": "d", "time": 1}}, None),
    "a CloudEvent in a body of calls": ({"batch": [{"specversion": "1.0"}]}, None),
    "a body in a body": ({"batch": [{"batch": [{"messageId": "m"}]}]}, None),
    "nothing known": ({"id": 1}, None),
}


@pytest.mark.parametrize(("event", "format"), EVENTS.values(), ids=EVENTS.keys())
def test_an_event_is_recognised_by_what_only_its_like_has(event: dict[str, Any], format: Format | None) -> None:
    assert look(of_lines(json.dumps(event).encode())).format is format
    assert look(of_file(json.dumps([event], indent=1).encode())).format is format


def test_a_file_is_taken_for_what_the_first_of_its_events_is_that_can_be_recognised_within_a_bound() -> None:
    assert look(of_lines(b"{", b"{}", b'{"specversion": "1.0", ', b'{"messageId": "m"}')).format is Format.cloudevents
    beyond = look(of_lines(*(b"{}" for _ in range(LOOKED_AT_MAX)), b'{"messageId": "m"}'))
    assert (beyond.format, len(beyond.records)) == (None, LOOKED_AT_MAX)


def test_what_can_not_be_read_at_all_is_kept_by_the_format_that_was_asked_for_and_nothing_is_nothing() -> None:
    assert settled(look(of_lines(b"{", b"7")), Format.segment, "in") is Format.segment
    assert settled(look(of_lines()), Format.auto, "in") is Format.auto
    with pytest.raises(Refused, match="in holds no events"):
        settled(look(of_lines(b"{", b"7")), Format.auto, "in")


NAMES = st.sampled_from(
    ["batch", "type", "event", "messageId", "userId", "anonymousId", "timestamp", "sentAt", "context", "properties", "distinct_id", "uuid",
     "$set", "$current_url", "$device_id", "$anon_distinct_id", "alias", "$group_key", "$group_type", "specversion", "traits", "previousId"]
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["track", "$pageview", "$identify", "x"]),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), some, max_size=6),
    max_leaves=12,
)
FILES = (
    st.binary(max_size=60)
    | st.lists(JSON, max_size=3).map(lambda some: "\n".join(map(json.dumps, some)).encode())
    | JSON.map(lambda one: json.dumps(one, indent=1).encode())
)


@settings(max_examples=300, deadline=None)
@given(
    FILES, st.sampled_from(["as it is", "packed", "cut", "UTF-16"]), st.sampled_from([Format.cloudevents, Format.segment, Format.posthog])
)
def test_whatever_is_in_a_file_is_a_touchpoint_or_kept_with_a_reason(content: bytes, packed: str, format: Format) -> None:
    if packed == "UTF-16":
        content = b"\xff\xfe" + content.decode(errors="replace").encode("utf-16-le")
    elif packed != "as it is":
        content = gzip.compress(content)[: None if packed == "packed" else -9]
    look(of_file(content))
    for one in read_as(format, of_file(content), default_definition(), Noticed()):
        assert one.reason is None or one.body is None
        if one.reason is None:
            try:
                touch = decode(one.raw if one.body is None else one.body)
            except Unreadable:
                continue
            assert orjson.loads(touch.body)["id"]
