"""Joins that look wrong are listed, the worst first, from either record; and the line that is given ends each."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from journey.suspects import DEVICE, IDS, MOVED, ORDER, Suspect
from schemas.decode import decode
from streams.ports import Histories
from streams.suspects import suspects
from tests.contracts.places import RECORDS, Place, Record
from tests.contracts.units import commit
from tests.streams.builders import at, deal_opened, definition, link, sent, unlink

DEFINITION = definition(users_per_device_max=5)

TWO_USERS = [link("anon:a", "user:1", at(1)), link("anon:b", "anon:a", at(2)), link("user:ann@x.example", "anon:b", at(3))]
TWO_ADDRESSES = [link("user:ann@x.example", "user:bob@x.example", at(day)) for day in (1, 5)]
MANY_DEVICES = [link(f"anon:d{number}", "user:1", at(number)) for number in range(6)]
MANY_IDS = [link(f"anon:d{number}", f"anon:d{number + 1}", at(number)) for number in range(11)]
WON_DEAL = [
    sent("page_view", "anon:a", at(1)),
    link("anon:a", "user:1", at(2)),
    deal_opened("1", at(3), "user:1"),
    sent("close", "deal:1", at(4), outcome="won", amount="900.00", currency="EUR"),
]
WON_ORDER = [
    sent("page_view", "anon:a", at(1)),
    link("anon:a", "user:1", at(2)),
    sent("order_placed", "user:1", at(3), order="7", amount="50.00", currency="EUR"),
    sent("refund", "user:1", at(4), order="#7", deal=None, refund="r", amount="20.00", currency="EUR"),
]
REPORTED_TWICE = [
    sent("order_placed", "user:1", at(1), id="o", source="urn:shop", order="#7", amount="50.00", currency="EUR"),
    sent("order_placed", "anon:p", at(1), id="p", source="urn:pixel", order="7", amount="50.00", currency="EUR"),
]


async def found(histories: Histories, limit: int = 20, kind: str = "") -> list[Suspect]:
    return (await suspects(DEFINITION, histories, limit, kind)).found


@pytest.mark.parametrize(
    ("lines", "kind", "says"),
    [
        (TWO_USERS, DEVICE, "2 users of one device, each of another kind: user:1, user:ann@x.example"),
        (TWO_ADDRESSES, IDS, "one person has 2 ids of the kind email"),
        (MANY_DEVICES, IDS, "one person has 6 devices"),
        (MANY_IDS, IDS, "one person has 12 ids"),
        (WON_DEAL, MOVED, "the link of anon:a and user:1 credits touches of one with 900.00 EUR won by the other"),
        (WON_ORDER, MOVED, "the link of anon:a and user:1 credits touches of one with 30.00 EUR won by the other"),
        (REPORTED_TWICE, ORDER, "order 7 counts 2 times, under ids that are not one person: 50.00 EUR, 50.00 EUR"),
        ([*REPORTED_TWICE, link("user:1", "anon:p", at(2)), unlink("user:1", "anon:p", at(9))], ORDER, "order 7 counts 2 times"),
    ],
)
async def test_what_is_sent_for_a_suspect_ends_it(histories: Histories, lines: list[bytes], kind: str, says: str) -> None:
    await commit(histories, *reversed(lines[1:]), lines[0], takes_part={("user:1", "deal:1")})
    (one,) = await found(histories, kind=kind)
    assert one.reason.startswith(says)
    assert one.because
    if kind == MOVED:
        assert "page_view" in [each.type for each in one.because], "the touch that is credited"
    known = {(touch.subject, touch.source, touch.id) for touch in (decode(line).touch for line in lines)}
    assert {(each.subject, each.source, each.id) for each in one.because} <= known
    await commit(histories, *(line.encode() for line in one.send))
    assert await found(histories, kind=kind) == []


async def test_the_worst_comes_first_and_the_others_are_counted(histories: Histories) -> None:
    await commit(histories, *TWO_USERS, *WON_DEAL, *REPORTED_TWICE, takes_part={("user:1", "deal:1")})
    everything = await found(histories)
    assert [one.kind for one in everything] == [ORDER, DEVICE, MOVED]
    few = await suspects(DEFINITION, histories, 1)
    assert (few.found, few.number) == (everything[:1], 3)


async def test_ordinary_people_are_no_suspects(histories: Histories) -> None:
    await commit(histories, link("anon:a", "user:1", at(1)), link("user:1", "user:ann@x.example", at(2)), *REPORTED_TWICE[:1])
    await commit(histories, sent("order_placed", "anon:p", at(1), id="test", order="7", amount="50.00", currency="EUR", test=True))
    assert await found(histories) == []


async def test_the_order_of_arrival_shows_nowhere(histories: Histories, record_place: Place[Record]) -> None:
    lines = [*TWO_USERS, *TWO_ADDRESSES, *WON_DEAL, *REPORTED_TWICE]
    takes_part = {("user:1", "deal:1")}
    await commit(histories, *lines, takes_part=takes_part)
    with TemporaryDirectory() as folder:
        async with RECORDS[record_place.name](Path(folder)) as other:
            for line in reversed(lines):
                await commit(other.histories, line, takes_part=takes_part)
            assert await found(other.histories) == await found(histories)
