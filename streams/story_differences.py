"""What a story is told differently at two positions, each difference with what caused it.

Told anew after each unit that brought or voided something of it: what differs there is because of what the unit brought.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from journey.definition import Definition
from journey.errors import Refused
from journey.histories import is_person, keys
from journey.instants import Instant, iso
from journey.touchpoints import Identified, Retracted, Touchpoint, Unlinked
from journey.wording import said
from streams.lookup import looked_up
from streams.past import Past
from streams.ports import Histories
from streams.timeline import Timeline, TimelineEntry, timeline

TELLINGS_MAX = 1_000
"""How often a story is told anew between two positions. Who asks for more is refused."""

DefinitionAt = Callable[[int], Awaitable[Definition]]


@dataclass(frozen=True, slots=True)
class Cause:
    """What the unit at `position` brought: a touchpoint, a late touchpoint, a link, an unlink, a retraction, a definition;
    or that it withdrew something with an import."""

    what: str
    position: int
    says: str
    source: str = ""
    id: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that is told at the later position only (`since`), or at the earlier one only.

    Without causes where they lie with ids too far away to be joined (`ids_max`), which came or went since.
    """

    since: bool
    entry: TimelineEntry
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class StorySide:
    """How the story ended at a position. Nothing was known of the subject where `ids` is empty."""

    position: int
    subject: str
    ids: tuple[str, ...]
    definition: str
    stage: str
    score: int


@dataclass(frozen=True, slots=True)
class StoryDifferences:
    until: str
    before: StorySide
    after: StorySide
    differences: tuple[Difference, ...]


async def story_differences(
    definition_at: DefinitionAt, histories: Histories, subject: str, until: Instant, earlier: int, later: int
) -> StoryDifferences:
    """Every difference between what was told of `subject` at `earlier` and at `later`. Raises Refused where nothing was known at either."""
    story = _Story(definition_at, histories, subject, until)
    first, last = await story.told(earlier), await story.told(later)
    if first is None and last is None:
        raise Refused(f"nothing was known of {subject!r} at position {earlier}, nor at {later}")
    keys = await story.keys(earlier) | await story.keys(later)
    switches = [(position, by) for position, by in await histories.definitions() if position <= later]
    positions = sorted({*await histories.units_of(keys, earlier, later), *(position for position, _ in switches if position > earlier)})
    if len(positions) > TELLINGS_MAX:
        raise Refused(f"{len(positions):,} units changed it between {earlier} and {later}; ask for {TELLINGS_MAX:,} at most")
    causes: dict[tuple[bool, TimelineEntry], tuple[Cause, ...]] = {}
    before = _entries(first)
    for position in positions:
        after = _entries(last if position == later else await story.told(position))
        if after != before:
            found = [*_switched(switches, position), *await story.causes(keys, position)]
            for since, entries in ((True, after - before), (False, before - after)):
                causes.update({(since, entry): _narrowed(entry, found) for entry in entries})
        before = after
    net = [(False, entry) for entry in (_entries(first) - _entries(last)).elements()]
    net += [(True, entry) for entry in (_entries(last) - _entries(first)).elements()]
    net.sort(key=lambda one: (one[1].at, one[0]))
    differences = tuple(Difference(since, entry, causes.get((since, entry), ())) for since, entry in net)
    return StoryDifferences(iso(until), story.side(first, earlier), story.side(last, later), differences)


@dataclass(frozen=True, slots=True)
class _Story:
    definition_at: DefinitionAt
    histories: Histories
    subject: str
    until: Instant

    async def told(self, position: int) -> Timeline | None:
        try:
            return await timeline(await self.definition_at(position), Past(self.histories, position), self.subject, self.until)
        except Refused:
            return None  # Nothing was known of it yet.

    async def keys(self, position: int) -> set[str]:
        """All that the story was told from."""
        try:
            one = (await looked_up(await self.definition_at(position), Past(self.histories, position), self.subject)).one
        except Refused:
            return {self.subject}
        if not is_person(self.subject):
            return {self.subject}
        bodies = await self.histories.bodies(one.ids)
        named = {key for some in bodies.values() for stored in some for key in keys(stored.touch) if key.startswith("account:")}
        return {self.subject, *one.ids, *(await self.histories.deals_of(one.ids)), *named}

    async def causes(self, keys: Collection[str], position: int) -> list[Cause]:
        """What the unit at `position` brought, and what it voided."""
        before, after = await self.histories.bodies(keys, position - 1), await self.histories.bodies(keys, position)
        known = {(one.touch.order, one.body): one.voided for some in before.values() for one in some}
        latest = max((at for (at, *_), _ in known), default=0)
        found: dict[Cause, None] = {}
        left = {(one.touch.order, one.body) for some in after.values() for one in some}
        for touch in (one.touch for some in before.values() for one in some if (one.touch.order, one.body) not in left):
            says = f"{touch.type} {touch.id} was withdrawn with its import"
            found[Cause("import", position, says, touch.source, touch.id, touch.subject)] = None
        for some in after.values():
            for touch, body, voided in some:
                was_voided = known.get((touch.order, body))
                if was_voided is None and not voided and not isinstance(touch.data, Retracted):
                    found[_brought(touch, position, is_late=touch.occurred_at < latest)] = None
                elif voided and was_voided is False:
                    says = f"{touch.type} {touch.id} was taken back"
                    found[Cause("retraction", position, says, touch.source, touch.id, touch.subject)] = None
                elif was_voided and not voided:
                    says = f"{touch.type} {touch.id} counts again: its retraction was withdrawn with an import"
                    found[Cause("import", position, says, touch.source, touch.id, touch.subject)] = None
        return list(found)

    def side(self, told: Timeline | None, position: int) -> StorySide:
        if told is None:
            return StorySide(position, self.subject, (), "", "", 0)
        return StorySide(position, told.subject, told.ids, told.definition, told.stage, told.score)


def _entries(told: Timeline | None) -> Counter[TimelineEntry]:
    return Counter(() if told is None else told.entries)


def _switched(switches: Sequence[tuple[int, str]], position: int) -> Iterable[Cause]:
    """The definition that came into use at `position`, where it is another one."""
    for nth, (since, by) in enumerate(switches):
        before = switches[nth - 1][1] if nth else ""
        if since == position and by != before:
            yield Cause("definition", position, f"{before[:12]} -> {by[:12]}" if before else by[:12])


def _brought(touch: Touchpoint, position: int, *, is_late: bool) -> Cause:
    match touch.data:
        case Identified(other=other):
            what, says = "link", f"{touch.subject} and {other}"
        case Unlinked(other=other):
            what, says = "unlink", f"{touch.subject} and {other}"
        case _:
            what, says = "late touchpoint" if is_late else "touchpoint", f"{touch.type} {touch.id}: {said(touch)}".rstrip(": ")
    return Cause(what, position, says, touch.source, touch.id, touch.subject)


def _narrowed(entry: TimelineEntry, causes: list[Cause]) -> tuple[Cause, ...]:
    """Those of `causes` that the entry itself, or its evidence, names; else all of them."""
    names = {(entry.source, entry.id, entry.subject)} if entry.id else set(entry.because)
    named = tuple(cause for cause in causes if (cause.source, cause.id, cause.subject) in names)
    if not named and entry.id:
        # A touchpoint that was there already comes and goes with whose it is.
        named = tuple(cause for cause in causes if cause.what in ("link", "unlink", "import"))
    return named or tuple(causes)
