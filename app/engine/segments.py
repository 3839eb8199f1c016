"""Who is in a segment: page by page, as of an instant, as known at a position."""

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

import orjson

from app.engine.asking import whom_to_ask
from app.engine.cursors import cursor_of, is_like, values_of
from app.engine.ports import Engine
from app.engine.question import until_of
from app.engine.simulation_mark import is_simulated
from journey.conditions import wanted
from journey.definition import Condition, Definition
from journey.errors import NotThere, Refused
from journey.instants import Instant, iso
from journey.problems import meant
from journey.touchpoints import Key
from projections.figures.compiling import Query, marked
from projections.figures.views import Option, last_of
from projections.read_model import Ask

_IN = f"SELECT person, at, ahead, because FROM ({last_of('segment_moves', 'person', 'segment', where='segment = :segment').sql}) AS m"


class SegmentMember(NamedTuple):
    """A person, in the segment since `since` because of touchpoints. `by_time`: none of them set it off, but time passing."""

    person: str
    since: Instant
    by_time: bool
    because: tuple[Key, ...]


class SegmentMembers(NamedTuple):
    """Some of the members, by id: `number` is how many there are in all, and `after` where the next ones begin ("" after the last).
    `wanted` is the segment's condition in words."""

    segment: str
    wanted: str
    until: Instant
    position: int
    number: int
    members: tuple[SegmentMember, ...]
    after: str
    simulated: bool = False


async def members_of(
    engine: Engine, segment: str, until: Instant | date | datetime | None, known_at: str | None, *, limit: int | None, after: str
) -> SegmentMembers:
    """As `members_in`, of one state of the engine, which may be an earlier one."""
    async with whom_to_ask(engine, "marketing", known_at) as (ask, definition):
        found = await members_in(ask, definition, segment, until_of(until, definition), limit=limit, after=after)
        return found._replace(simulated=await is_simulated(engine))


async def members_in(ask: Ask, definition: Definition, segment: str, until: Instant, *, limit: int | None, after: str) -> SegmentMembers:
    """Up to `limit` members beyond the cursor `after`. Raises NotThere where the definition has no such segment, Refused where it can't be
    asked so."""
    condition = _named(definition.segments, segment)
    values: dict[str, Option] = {"segment": segment, "until": until, "after": _place(after)}
    ((number,),) = await ask(*_marked(f"SELECT COUNT(*) FROM ({_IN} WHERE step = 'entered') AS i", values))
    some = "" if limit is None else f" LIMIT {limit + 1}"
    rows = await ask(*_marked(f"{_IN} WHERE step = 'entered' AND person > :after ORDER BY person{some}", values))
    ((position,),) = await ask("SELECT position FROM reflects")
    members = tuple(
        SegmentMember(person, since, bool(ahead), tuple((source, id, subject) for source, id, subject in orjson.loads(because)))
        for person, since, ahead, because in rows[:limit]
    )
    cursor = cursor_of([members[-1].person]) if len(members) < len(rows) else ""
    return SegmentMembers(segment, wanted(condition), until, position, number, members, cursor)


def to_csv(found: SegmentMembers) -> str:
    """A row for each member; of touchpoints, their sources and ids."""
    text = io.StringIO()
    writer = csv.writer(text)  # whose lines end in \r\n: so a cell that has either is quoted
    writer.writerow(("person", "since", "by_time", "because"))
    for one in found.members:
        because = " ".join(f"{source}#{id}" for source, id, _ in one.because)
        writer.writerow((one.person, iso(one.since), str(one.by_time).lower(), because))
    return text.getvalue()


def _named(segments: Mapping[str, Condition], name: str) -> Condition:
    if name in segments:
        return segments[name]
    if not segments:
        raise NotThere(f"there is no segment {name!r}: the definition in use has none; write them under `segments`")
    near = meant(name, segments)
    raise NotThere(f"there is no segment {name!r}{near}{' There' if near else '; there'} are {', '.join(sorted(segments))}")


def _place(after: str) -> str:
    if not after:
        return ""
    values = values_of(after)
    if not is_like(values, ("TEXT",)):
        raise Refused(f"after {after!r} is no cursor of this list; it stands below the members that came before")
    return str(values[0])


def _marked(sql: str, values: Mapping[str, Option]) -> tuple[str, *tuple[str | int, ...]]:
    text, marks = marked(Query(sql, values))
    return (text, *marks)
