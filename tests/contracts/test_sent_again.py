"""A record that says which dead letter it was sent again for: it counts where the letter is here and goes in so; else it says nothing."""

from hashlib import sha256

import pytest

from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.operators import By, Kept, State
from streams.placement import Placement
from streams.ports import Raced
from streams.units import Recorded, Unit
from tests.contracts.places import Record
from tests.streams.builders import LATER, at, sent

BY = By(30, "ann", "put right")
RIGHT = sent("page_view", "user:1", at(0), id="v")
WRONG = RIGHT.replace(b'"specversion"', b'"version"')
OTHER = sent("page_view", "user:2", at(0), id="w")
UNKNOWN = "0" * 64


def incoming(raw: bytes, *, letter: str | None = None, body: bytes | None = None, reason: str | None = None) -> Incoming:
    return Incoming(raw, "crm", "crm:1", body, reason, letter=letter)


class Desk:
    """What comes in by partition 0, and what becomes of it."""

    def __init__(self, record: Record) -> None:
        self.histories, self.letters = record.histories, record.dead_letters
        self.placement = Placement(default_definition(), record.histories)

    async def batch(self, *some: Incoming) -> tuple[list[Recorded], dict[int, int]]:
        after = (await self.histories.offsets()).get(0, -1)
        return [Recorded(0, after + nth, LATER, one) for nth, one in enumerate(some, start=1)], {0: after}

    async def comes(self, *some: Incoming) -> Unit:
        return (await self.placement.run(*await self.batch(*some)))[0]

    async def kept(self) -> list[Kept]:
        return list(await self.letters.kept(after=0, limit=100))

    async def raw(self) -> list[bytes]:
        shown = [await self.letters.show(one.number) for one in await self.kept()]
        return [one.raw for one in shown if one is not None]

    async def states(self) -> list[tuple[State, str]]:
        return [(one.state, one.code) for one in await self.kept()]


@pytest.fixture
def desk(record: Record) -> Desk:
    return Desk(record)


async def test_two_that_can_not_be_read_and_name_the_same_unknown_letter_are_both_kept(desk: Desk) -> None:
    await desk.comes(incoming(b"{one", letter=UNKNOWN), incoming(b"{two", letter=UNKNOWN))
    await desk.comes(incoming(b"{three", letter=UNKNOWN))
    kept = await desk.kept()
    assert await desk.raw() == [b"{one", b"{two", b"{three"]
    assert len({one.id for one in kept} - {UNKNOWN}) == 3


async def test_another_touchpoint_with_the_id_of_an_open_letter_is_in_and_the_letter_is_open(desk: Desk) -> None:
    await desk.comes(incoming(WRONG))
    (letter,) = await desk.kept()
    unit = await desk.comes(incoming(OTHER, letter=letter.id), incoming(b"{", letter=letter.id))
    assert (unit.accepted, unit.requeued) == (1, {})
    still, own = await desk.kept()
    assert still == letter
    assert own.state is State.open
    assert await desk.raw() == [WRONG, b"{"]


@pytest.mark.parametrize("what", ["its fix", "what was made of it", "its bytes"])
async def test_what_goes_in_for_a_letter_marks_it_once_however_often_it_comes(desk: Desk, what: str) -> None:
    if what == "its bytes":
        first = Incoming(RIGHT, "crm", "crm:1")
        batch, after = await desk.batch(first)
        # Too far ahead of when the log recorded it, and later not.
        await desk.placement.run([one._replace(recorded_at=1) for one in batch], after)
    else:
        await desk.comes(incoming(b"a;row", body=WRONG))
    (letter,) = await desk.kept()
    raw = await desk.raw()
    if what == "its fix":
        await desk.letters.fix(letter.number, RIGHT, BY)
    if what == "what was made of it":
        again = await desk.comes(incoming(WRONG, letter=letter.id))
        assert (again.dead_letters[0].id, again.dead_letters[0].again) == (letter.id, True)
        assert await desk.states() == [(State.open, "no-specversion")]
        return
    for _ in range(2):
        await desk.comes(incoming(RIGHT, letter=letter.id))
    (done,) = await desk.kept()
    assert (done.state, done.position, done.seen, await desk.raw()) == (State.requeued, 2, 1, raw)


@pytest.mark.parametrize("order", [1, -1])
async def test_where_the_log_is_read_once_more_a_letter_and_what_is_sent_for_it_may_come_in_one_unit(desk: Desk, order: int) -> None:
    """In whichever order, as they are in partitions of their own."""
    first = Incoming(RIGHT, "crm", "crm:1")
    id = sha256(b"crm\0" + RIGHT).hexdigest()
    batch, after = await desk.batch(*(first, incoming(RIGHT, letter=id))[::order])
    batch = [one if one.incoming.letter else one._replace(recorded_at=1) for one in batch]
    await desk.placement.run(batch, after)
    (letter,) = await desk.kept()
    assert (letter.id, letter.state, letter.seen) == (id, State.requeued, 1)


async def test_a_fix_that_was_replaced_after_it_was_sent_is_like_any_other_record(desk: Desk) -> None:
    await desk.comes(incoming(WRONG))
    (letter,) = await desk.kept()
    await desk.letters.fix(1, OTHER, BY)
    await desk.letters.fix(1, RIGHT, BY)
    unit = await desk.comes(incoming(OTHER, letter=letter.id))
    assert (unit.accepted, await desk.states()) == (1, [(State.fixed, letter.code)])
    await desk.comes(incoming(RIGHT, letter=letter.id))
    assert await desk.states() == [(State.requeued, letter.code)]


async def test_a_fix_that_is_replaced_while_it_comes_in_is_raced(desk: Desk) -> None:
    await desk.comes(incoming(WRONG))
    (letter,) = await desk.kept()
    await desk.letters.fix(1, OTHER, BY)
    unit = await desk.placement.place(*await desk.batch(incoming(OTHER, letter=letter.id)))
    assert unit.requeued.keys() == {letter.id}
    await desk.letters.fix(1, RIGHT, BY)
    with pytest.raises(Raced, match="fixed otherwise"):
        await desk.histories.commit(unit)
    assert await desk.states() == [(State.fixed, letter.code)]


async def test_what_only_a_fix_can_be_sent_for_is_not_sent_again_by_its_own_bytes(desk: Desk) -> None:
    await desk.comes(incoming(b"7;", reason="no time"))
    (letter,) = await desk.kept()
    await desk.comes(incoming(b"7;", letter=letter.id))
    (still,) = await desk.kept()
    assert (still.code, still.reason, still.seen) == ("unmapped", "no time", 2)


async def test_what_goes_in_for_a_letter_is_told_by_its_hash(desk: Desk) -> None:
    await desk.comes(incoming(WRONG), incoming(b"7;", reason="no time"), incoming(b"{" + b" " * 1_000_000))
    first, needs_fix, too_large = await desk.kept()
    assert await desk.histories.sent_again([first.id, needs_fix.id, too_large.id, UNKNOWN]) == {first.id: sha256(WRONG).digest()}
    await desk.letters.fix(needs_fix.number, RIGHT, BY)
    assert await desk.histories.sent_again([needs_fix.id]) == {needs_fix.id: sha256(RIGHT).digest()}
