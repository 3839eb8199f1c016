"""Senders whose clocks are wrong: what happened is dated by the clock of who received it, and the sender's is kept in the body."""

from typing import Any

import orjson
import pytest

from journey.instants import HOUR, iso
from schemas.decode import decode
from schemas.outside_calls import CallReading
from schemas.outside_names import shipped_names
from schemas.segment import read_segment
from tests.schemas.lines import of_lines
from tests.streams.builders import at, sent

RIGHT = at(1)
WRONG = RIGHT - 5 * HOUR
"""What a clock that is five hours slow says."""


def view(**sending: Any) -> bytes:
    return orjson.dumps({**orjson.loads(sent("page_view", "user:1", WRONG, id="v")), **sending})


SLOW = {"sentat": iso(WRONG + HOUR), "receivedat": iso(RIGHT + HOUR)}
"""Sent an hour after it happened, by both clocks."""


def test_a_slow_clock_is_repaired_and_what_it_said_is_kept() -> None:
    touch, body, *_ = decode(view(**SLOW))
    assert touch.occurred_at == RIGHT
    assert orjson.loads(body)["time"] == iso(WRONG)
    assert "receivedat" not in orjson.loads(body)


def test_a_fast_clock_is_repaired_too() -> None:
    fast = view(time=iso(RIGHT + HOUR), sentat=iso(RIGHT + 2 * HOUR), receivedat=iso(RIGHT + HOUR))
    assert decode(fast).touch.occurred_at == RIGHT


def test_a_repaired_time_is_no_part_of_what_is_compared() -> None:
    repaired, plain = decode(view(**SLOW)), decode(view())
    assert (repaired.digest, repaired.body) == (plain.digest, plain.body)


@pytest.mark.parametrize(
    "sending",
    [
        {"sentat": iso(RIGHT)},
        {"receivedat": iso(RIGHT)},
        {"sentat": "yesterday", "receivedat": iso(RIGHT)},
        {"sentat": 17, "receivedat": iso(RIGHT)},
        {"sentat": iso(RIGHT), "receivedat": None},
        {"sentat": "9999-12-31T00:00:00Z", "receivedat": "1970-01-01T00:00:00Z"},
        {"sentat": "1970-01-01T00:00:00Z", "receivedat": "9999-12-31T00:00:00Z"},
    ],
)
def test_where_not_both_clocks_are_known_the_time_stands_as_sent(sending: dict[str, Any]) -> None:
    assert decode(view(**sending)).touch.occurred_at == WRONG


# --- Segment's calls


def called(**fields: Any) -> list[int]:
    call = {"type": "track", "messageId": "m", "userId": "u", "event": "Walked By", **fields}
    found = list(read_segment(of_lines(orjson.dumps(call)), CallReading(shipped_names())))
    return [decode(one.body).touch.occurred_at for one in found if one.body is not None]


RECEIVED = {"sentAt": SLOW["sentat"], "receivedAt": SLOW["receivedat"]}


@pytest.mark.parametrize("name", ["timestamp", "originalTimestamp"])
def test_the_time_of_a_call_as_it_was_sent_is_repaired(name: str) -> None:
    assert called(**{name: iso(WRONG)}, **RECEIVED) == [RIGHT]


def test_what_segment_repaired_is_not_repaired_again() -> None:
    assert called(timestamp=iso(RIGHT), originalTimestamp=iso(WRONG), **RECEIVED) == [RIGHT]


def test_a_link_that_calls_show_is_dated_by_the_repaired_time() -> None:
    assert called(timestamp=iso(WRONG), anonymousId="a", **RECEIVED) == [RIGHT, RIGHT]


def test_a_sight_that_only_its_repair_makes_the_earliest_is_not_left_out() -> None:
    call = {"type": "track", "messageId": "m", "userId": "u", "anonymousId": "a", "event": "Walked By", "timestamp": iso(WRONG)}
    later = {"sentAt": iso(WRONG), "receivedAt": iso(RIGHT + HOUR)}
    lines = [orjson.dumps({**call, **later}), orjson.dumps({**call, "messageId": "n", **RECEIVED})]
    found = [decode(one.body).touch for one in read_segment(of_lines(*lines), CallReading(shipped_names())) if one.body is not None]
    assert [touch.occurred_at for touch in found if touch.type == "identified"] == [RIGHT + HOUR, RIGHT]
