"""What units tell of transitions: each the net of what it changes; one that derived everything anew, what it changes of what was told."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final, NamedTuple

from app.engine.ports import Engine
from journey.facts import LeadMoved, SegmentMoved, StageEntered, is_of_this_fold
from streams.ports import Pruned
from streams.transitions import Moved, net

UNITS_MAX, TRANSITIONS_MAX = 200, 10_000
"""How many units are read at once, and transitions of them; and the differences that one which derived everything anew may tell."""

TOLD: Final = (StageEntered, LeadMoved, SegmentMoved)
_KINDS: Final = ("stage_entered", "lead_moved", "segment_moved")

NOT_KEPT, OTHER_FOLD, TOO_MANY = (
    "what changed before is no longer kept",
    "all was derived anew by another version",
    "all was derived anew, and too much differs",
)


class UnitMoves(NamedTuple):
    """`moves` are above 0 where they hold from this unit on, below 0 where they no longer do. `is_anew`: it derived everything anew.
    `reset`: why it can't be told what it changes, where that is so."""

    position: int
    moves: dict[Moved, int]
    is_anew: bool = False
    reset: str = ""


class _OtherFold(Exception):
    """Facts of an older version of the folds can't be compared with those of this one."""


async def moves(engine: Engine, after: int, up_to: int, anew: dict[int, UnitMoves]) -> list[UnitMoves]:
    """Some units beyond `after`, up to `up_to`. What units that derived everything anew tell is kept in `anew`: it takes long."""
    found: list[UnitMoves] = []
    number = 0
    try:
        async with aclosing(_units(engine, after, up_to)) as units:
            async for unit in units:
                if unit.is_anew:
                    unit = anew[unit.position] = anew.get(unit.position) or await _difference(engine, unit.position)
                found.append(unit)
                number += len(unit.moves)
                if len(found) >= UNITS_MAX or number >= TRANSITIONS_MAX:
                    break
    except Pruned:
        return [UnitMoves(up_to, {}, reset=NOT_KEPT)]
    return found


async def _units(engine: Engine, after: int, up_to: int) -> AsyncGenerator[UnitMoves, None]:
    """What each unit tells by itself; of those that derived everything anew only that they did."""
    whole: Counter[Moved] = Counter()
    async with aclosing(_parts(engine, after, up_to, skip_anew=True)) as parts:
        async for part, is_last in parts:
            whole.update(part.moves)
            if is_last:
                yield part._replace(moves={one: count for one, count in whole.items() if count})
                whole.clear()


async def _parts(engine: Engine, after: int, up_to: int, *, skip_anew: bool = False) -> AsyncGenerator[tuple[UnitMoves, bool], None]:
    """Part by part, and whether it is the last of its unit. Raises Pruned, _OtherFold."""
    announced = engine.announced()
    position, mark = -1, None
    changes = engine.record.changes(after, [*_KINDS, "outlook"])
    async with aclosing(changes) as every:  # type: ignore[type-var]  # all of them are generators
        async for change in every:
            if change.position > up_to:
                return
            if change.rebuilt and skip_anew:
                yield UnitMoves(change.position, {}, is_anew=True), change.last
                continue
            if not skip_anew and not all(is_of_this_fold(fact) for fact in change.facts if fact[0] in _KINDS):
                raise _OtherFold
            if change.position != position:
                position, mark = change.position, await announced.mark(change.position)
            struck = await announced.struck(change.position) if change.last else []
            yield UnitMoves(change.position, net(change.facts, TOLD, mark, struck), change.rebuilt), change.last


async def _difference(engine: Engine, position: int) -> UnitMoves:
    """What the unit at `position`, which derived everything anew, changes of what was told before it."""
    before = max((since for since, _ in await engine.record.definitions() if since < position), default=None)
    after = 0 if before is None else before - 1
    totals: Counter[int] = Counter()
    try:
        # Hashes first, since nearly all of it comes to nothing.
        async for one, count in _signed(engine, after, position):
            totals[hash(one)] += count
        differing = {key for key, count in totals.items() if count}
        if len(differing) > TRANSITIONS_MAX:
            return UnitMoves(position, {}, is_anew=True, reset=TOO_MANY)
        found: Counter[Moved] = Counter()
        async for one, count in _signed(engine, after, position):
            if hash(one) in differing:
                found[one] += count
    except Pruned:
        return UnitMoves(position, {}, is_anew=True, reset=NOT_KEPT)
    except _OtherFold:
        return UnitMoves(position, {}, is_anew=True, reset=OTHER_FOLD)
    return UnitMoves(position, {one: count for one, count in found.items() if count}, is_anew=True)


async def _signed(engine: Engine, after: int, position: int) -> AsyncIterator[tuple[Moved, int]]:
    """What was told before `position`, taken back; and what is told from it on."""
    async with aclosing(_parts(engine, after, position)) as parts:
        async for part, _ in parts:
            sign = 1 if part.position == position else -1
            for one, count in part.moves.items():
                yield one, sign * count
