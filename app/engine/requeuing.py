"""Dead letters sent again: they come in as everything does, at their own place in time.

The decision is recorded first, then the log has what is sent, and the letter is marked by the unit that brings it in: whatever stops in
between, the same command again comes to the same end, since what is in already is a duplicate.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from app.engine.ports import Engine
from journey.errors import Refused
from streams.dead_letters import DISMISS, FIX, REQUEUE, can_be_sent, named_in, names_of, requeuing, sent_again, several
from streams.operators import By, Decision, Kept, State
from streams.placement import UNIT_BYTES_MAX
from streams.set_aside import RETRACT

LETTERS_AT_ONCE_MAX = 200


@dataclass(slots=True)
class Requeued:
    """What became of what was to be sent again."""

    sent: int = 0
    came_in: int = 0
    before: list[int] = field(default_factory=list)
    """Those that were in already."""
    need_fix: list[int] = field(default_factory=list)
    """Those that nothing could be made of, so that there is nothing to send."""
    still: list[Kept] = field(default_factory=list)
    position: int = 0


async def requeue_named(engine: Engine, numbers: Sequence[int], by: By) -> Requeued:
    """Send the letters of these numbers, dismissed ones too. Raises Refused, before anything is sent, where one can't be."""
    done = Requeued()
    some: list[Kept] = []
    for number in dict.fromkeys(numbers):
        one = await _kept(engine, number)
        if one is None:
            raise Refused(f"there is no dead letter {number}")
        if one.state is State.requeued:
            done.before.append(number)
        elif not can_be_sent(one):
            raise Refused(
                f"nothing can be made of dead letter {number} as it is; `journey dead-letters fix {number} --body FILE`, then requeue it"
            )
        else:
            some.append(one)
    await _send(engine, some, by, done)
    return await _told(engine, done)


async def requeue_waiting(engine: Engine, code: str | None, by: By, source: str | None = None) -> Requeued:
    """Send all that are open or fixed, or those of them that have `code` and are of `source`."""
    done = Requeued()
    async for found in _waiting(engine, code, source):
        done.need_fix += (one.number for one in found if not can_be_sent(one))
        await _send(engine, [one for one in found if can_be_sent(one)], by, done)
    return await _told(engine, done)


async def dismiss_waiting(engine: Engine, code: str | None, source: str | None, by: By) -> int:
    """Dismiss all that are open or fixed, or those of them that have `code` and are of `source`. Returns how many."""
    return sum([await engine.desk.dismiss([one.number for one in found], [], by) async for found in _waiting(engine, code, source)])


async def decided_about(engine: Engine, number: int) -> list[Decision]:
    """What was decided about a letter, oldest first."""
    decided = [one for action in (FIX, REQUEUE, DISMISS, RETRACT) for one in await engine.desk.decisions(action)]
    return sorted(one for one in decided if number in named_in(one))


async def _waiting(engine: Engine, code: str | None, source: str | None) -> AsyncIterator[Sequence[Kept]]:
    last = 0
    while found := await engine.desk.kept(
        after=last, limit=LETTERS_AT_ONCE_MAX, states=(State.open, State.fixed), code=code, source=source
    ):
        last = found[-1].number
        yield found


async def _send(engine: Engine, letters: Sequence[Kept], by: By, done: Requeued) -> None:
    for some in _at_once(letters):
        await engine.desk.decide(at=by.at, actor=by.actor, action=REQUEUE, reason=by.reason, detail=requeuing(some))
        loaded = [one for letter in some if (one := await engine.desk.show(letter.number)) is not None]
        for one in loaded:
            if touchpoints := several(one):
                await engine.desk.expect(one.kept.number, names_of(touchpoints))
        await engine.ingest([incoming for one in loaded for incoming in sent_again(one)])
        done.sent += len(some)
        for letter in some:
            sent = await _kept(engine, letter.number)
            assert sent is not None, "letters stay"
            if sent.state in (State.requeued, State.arrived):
                done.came_in += 1
            else:
                done.still.append(sent)


def _at_once(letters: Sequence[Kept]) -> Iterator[list[Kept]]:
    """`letters` in the numbers that are sent at once, and loaded."""
    some: list[Kept] = []
    for one in letters:
        some.append(one)
        if len(some) == LETTERS_AT_ONCE_MAX or sum(each.length + each.to_send for each in some) >= UNIT_BYTES_MAX:
            yield some
            some = []
    if some:
        yield some


async def _kept(engine: Engine, number: int) -> Kept | None:
    """A letter without its bytes."""
    found = await engine.desk.kept(after=number - 1, limit=1)
    return found[0] if found and found[0].number == number else None


async def _told(engine: Engine, done: Requeued) -> Requeued:
    done.position = await engine.record.position()
    return done
