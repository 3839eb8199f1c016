"""What a part waits for is said once, and once that it is over; what there are many of is counted."""

import re
from collections.abc import Callable

from journey.errors import Away
from streams.remarks import Outage, Tally


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str, level: int = 0) -> None:
        self.lines.append(re.sub(r"[\d.]+ s", "N s", text))


def test_an_outage_is_said_once_however_often_it_is_tried_and_once_when_it_is_over() -> None:
    heard = Heard()
    outage = Outage(heard)
    outage.is_over()
    for why in ("the connection was lost", "connection refused", "connection refused", "it is starting up"):
        outage.goes_on(Away(f"the server: {why}", outage="the server"))
    outage.is_over()
    outage.is_over()
    assert heard.lines == ["waiting: the server: the connection was lost", "going on, after N s"]


def test_another_thing_that_is_the_matter_meanwhile_is_said_too() -> None:
    heard = Heard()
    outage = Outage(heard)
    outage.goes_on(Away("the server is away", outage="the server"))
    outage.goes_on(Away("the server is there, and its disk is full"))
    outage.goes_on(Away("the server is there, and its disk is full"))
    outage.is_over()
    outage.goes_on(Away("the server is away", outage="the server"))
    assert heard.lines == [
        "waiting: the server is away",
        "waiting: the server is there, and its disk is full",
        "going on, after N s",
        "waiting: the server is away",
    ]


def test_what_there_are_many_of_is_said_at_once_and_then_together() -> None:
    heard, later = Heard(), list[Callable[[], None]]()
    tally = Tally(heard, lambda seconds, tell: later.append(tell), lambda counted: str(dict(counted)))
    tally.add([])
    tally.add(["not-json"])
    for _ in range(3):
        tally.add(["not-json", "no-time"])
    assert heard.lines == ["{'not-json': 1}"]
    later.pop()()
    assert heard.lines[1:] == ["{'not-json': 3, 'no-time': 3}"]
    later.pop()()
    assert (later, len(heard.lines)) == ([], 2)
    tally.add(["not-json"])
    tally.add(["no-time"])
    tally.flush()
    tally.flush()
    assert heard.lines[2:] == ["{'not-json': 1}", "{'no-time': 1}"]
