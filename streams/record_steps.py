"""How the record came from one position to a later one, in steps: a touchpoint more, one less, one that no longer counts.

Steps are in the order of their causes, not of their units: first what is new, then what corrects, links, unlinks, takes back, withdraws.
After all of them the record is as at the later position; after some of them it is one that could have been.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from journey.definition import Definition
from journey.errors import Refused
from journey.facts import Facts
from journey.histories import Stored, keys, people_named
from journey.identity import Id
from journey.instants import Instant
from journey.touchpoints import Identified, Order, Retracted, Touchpoint, Unlinked
from schemas.intended import Name
from streams.effects import name_of, with_added
from streams.past import Past
from streams.ports import Histories
from streams.units import BodyRow
from streams.world import Folds, World

SUBJECTS_MAX = 100_000
"""Of so many subjects there may be something else at the later position. Who asks for more is refused."""

STEPS_MAX = 100_000
"""So many steps are taken at most. Who asks for more is refused."""

SUBJECTS_AT_ONCE = 500

KEPT_TOUCHPOINTS_MAX = 200_000
"""How many touchpoints of histories are kept in memory at most, and the results of folding as many: steps need the same ones many times."""

TOUCHPOINT, LATE, CORRECTION, LINK, UNLINK, RETRACTION, IMPORT = (
    "touchpoint", "late touchpoint", "correction", "link", "unlink", "retraction", "import",
)  # fmt: skip
CAUSES = (TOUCHPOINT, LATE, CORRECTION, LINK, UNLINK, RETRACTION, IMPORT)
"""In the order in which steps are taken. `import`: an import was retracted, and what only that brought was withdrawn."""

Body = tuple[Order, bytes]


class RecordStep(NamedTuple):
    """`touch` is what it is about: what was brought, or what was taken back."""

    cause: str
    touch: Touchpoint
    adds: BodyRow | None = None
    removes: BodyRow | None = None
    voids: Name | None = None
    lifts: Name | None = None


async def steps(histories: Histories, earlier: int, later: int) -> list[RecordStep]:
    """From the record as known at `earlier` to that at `later`. Raises Refused where there are too many."""
    subjects = await histories.keys_of(earlier, later, SUBJECTS_MAX + 1)
    if len(subjects) > SUBJECTS_MAX:
        raise Refused(
            f"between {earlier} and {later} something changed of more than {SUBJECTS_MAX:,} subjects; name positions closer together"
        )
    found = _Found()
    in_order = sorted(subjects)
    for start in range(0, len(in_order), SUBJECTS_AT_ONCE):
        some = in_order[start : start + SUBJECTS_AT_ONCE]
        was, now = await histories.bodies(some, earlier), await histories.bodies(some, later)
        for key in some:
            found.compare(key, was.get(key, ()), now.get(key, ()))
        if found.size > STEPS_MAX:
            raise Refused(f"more than {STEPS_MAX:,} touchpoints came or went between {earlier} and {later}; name positions closer together")
    return sorted(found.steps(), key=lambda step: (CAUSES.index(step.cause), step.touch.subject, step.touch.order))


@dataclass(slots=True)
class _Found:
    """What differs, as far as it was compared."""

    added: dict[Body, tuple[Stored, list[str]]] = field(default_factory=dict)
    removed: dict[Body, tuple[Stored, list[str]]] = field(default_factory=dict)
    voided: dict[Name, Touchpoint] = field(default_factory=dict)
    lifted: dict[Name, Touchpoint] = field(default_factory=dict)
    latest: dict[str, Instant] = field(default_factory=dict)
    """By key, what was known of it that is dated last."""
    counted: set[Name] = field(default_factory=set)
    """Names under which something counted."""

    @property
    def size(self) -> int:
        return len(self.added) + len(self.removed) + len(self.voided) + len(self.lifted)

    def compare(self, key: str, was: Iterable[Stored], now: Iterable[Stored]) -> None:
        before, after = ({(one.touch.order, one.body): one for one in some} for some in (was, now))
        for those, others, into in ((after, before, self.added), (before, after, self.removed)):
            for body in those.keys() - others.keys():
                into.setdefault(body, (those[body], []))[1].append(key)
        for body in before.keys() & after.keys():
            touch, _, was_voided = before[body]
            if after[body].voided != was_voided:
                (self.lifted if was_voided else self.voided)[name_of(touch)] = touch
        self.latest[key] = max((one.touch.occurred_at for one in before.values()), default=0)
        self.counted.update(name_of(one.touch) for one in before.values() if not one.voided)

    def steps(self) -> Iterable[RecordStep]:
        for stored, under in _whole(self.added):
            yield RecordStep(self._cause(stored.touch), stored.touch, adds=_row(stored, under))
        for name, touch in self.voided.items():
            yield RecordStep(RETRACTION, touch, voids=name)
        for stored, under in _whole(self.removed):
            yield RecordStep(IMPORT, stored.touch, removes=_row(stored, under))
        for name, touch in self.lifted.items():
            yield RecordStep(IMPORT, touch, lifts=name)

    def _cause(self, touch: Touchpoint) -> str:
        match touch.data:
            case Identified():
                return LINK
            case Unlinked():
                return UNLINK
            case Retracted():
                return RETRACTION
            case _ if name_of(touch) in self.counted:
                return CORRECTION
            case _:
                return LATE if touch.occurred_at < self.latest.get(touch.subject, 0) else TOUCHPOINT


def _whole(bodies: Mapping[Body, tuple[Stored, list[str]]]) -> Iterable[tuple[Stored, list[str]]]:
    """Those that came or went themselves. One that did under keys of others only was there all the time."""
    return ((stored, keys) for stored, keys in bodies.values() if stored.touch.subject in keys)


def _row(stored: Stored, keys: Iterable[str]) -> BodyRow:
    return BodyRow(stored.touch, stored.body, b"", tuple(keys), voided=stored.voided)


class SteppedRecord:
    """The record as it stood at a position, and some steps from there. `Bodies`, for what derives."""

    def __init__(self, histories: Histories, known_at: int, all_steps: Sequence[RecordStep], definition: Definition) -> None:
        """`definition` is what effects are derived by."""
        self._definition = definition
        self._past = Past(histories, known_at)
        self._stood: dict[str, list[Stored]] = {}
        """What stood under a key at the position. Steps do not change that."""
        self._stood_size = 0
        self._everywhere: dict[str, dict[Body, Stored]] = defaultdict(dict)
        """Bodies of a name under the keys of its other bodies, as placement brings them there: the one that counts is to count everywhere.
        Between the steps others stand together than ever did in the record."""
        self._folds = Folds(KEPT_TOUCHPOINTS_MAX)
        self._added: dict[str, dict[Body, BodyRow]] = defaultdict(dict)
        self._removed: dict[str, set[Body]] = defaultdict(set)
        self._voided = {name: step.lifts is not None for step in all_steps if (name := step.voids or step.lifts)}
        """Of the names that steps void or lift: whether they are void now."""
        self._deals: dict[Id, set[str]] = defaultdict(set)
        """The deals that touchpoints of steps name with an id: the record doesn't know them of what came when it was void already."""
        self._comes = {(step.touch.order, step.adds.body) for step in all_steps if step.adds}
        for step in all_steps:
            if step.adds and (deal := step.touch.about.deal) is not None:
                for id in people_named(step.touch):
                    self._deals[id].add(f"deal:{deal}")

    def add(self, some: Iterable[RecordStep]) -> None:
        for step in some:
            self._do(step, forth=True)

    def take_back(self, some: Iterable[RecordStep]) -> None:
        for step in some:
            self._do(step, forth=False)

    def _do(self, step: RecordStep, *, forth: bool) -> None:
        if row := step.adds:
            for key in row.keys:
                if forth:
                    self._added[key][row.touch.order, row.body] = row
                else:
                    del self._added[key][row.touch.order, row.body]
        if row := step.removes:
            for key in row.keys:
                (self._removed[key].add if forth else self._removed[key].remove)((row.touch.order, row.body))
        if name := step.voids or step.lifts:
            self._voided[name] = forth is (step.voids is not None)

    async def effect(self, some: Sequence[RecordStep]) -> Facts:
        """Take `some` steps, of one cause. Returns the facts after less the facts before."""
        if some[0].cause != IMPORT:
            rows = [step.adds for step in some if step.adds]
            voids = {step.voids for step in some if step.voids}
            facts = await self._with(rows, voids)
            self.add(some)
            return facts
        # What is less is what there would be more, the other way round.
        self.add(some)
        rows = [step.removes for step in some if step.removes]
        facts = await self._with(rows, {step.lifts for step in some if step.lifts})
        return Facts({fact: -count for fact, count in facts.items()})

    async def _with(self, rows: Sequence[BodyRow], voids: set[Name]) -> Facts:
        rows = [row._replace(voided=self._is_void(row.touch, row.voided) or name_of(row.touch) in voids) for row in rows]
        names = {name_of(row.touch) for row in rows} | voids
        stored = await self.bodies({subject for subject, _, _ in names})
        rows = self._bring_everywhere(rows, chain.from_iterable(stored.values()))
        # All of a name: which of its bodies counts is for the world to say.
        stood = [one.touch for one in chain.from_iterable(stored.values()) if not one.voided and name_of(one.touch) in names]
        return (await with_added(World(self, self._definition, list(rows), voids, folds=self._folds), stood)).facts

    def _bring_everywhere(self, rows: Iterable[BodyRow], stood: Iterable[Stored]) -> list[BodyRow]:
        """Bring `rows`, and what stood under their names, under the keys of all of a name. Returns `rows` with these keys."""
        every: dict[Name, set[str]] = defaultdict(set)
        for row in rows:
            every[name_of(row.touch)].update(row.keys)
        rivals = [one for one in stood if name_of(one.touch) in every]
        for one in rivals:
            every[name_of(one.touch)].update(keys(one.touch))
        for one in (*rivals, *(Stored(row.touch, row.body, row.voided) for row in rows)):
            for key in every[name_of(one.touch)].difference(keys(one.touch)):
                self._everywhere[key][one.touch.order, one.body] = one
        return [row._replace(keys=tuple(sorted(every[name_of(row.touch)]))) for row in rows]

    def _is_void(self, touch: Touchpoint, is_voided: bool) -> bool:
        return self._voided.get(name_of(touch), is_voided)

    # --- Bodies

    async def position(self) -> int:
        return await self._past.position()

    async def bodies(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        found = {}
        for key, bodies in (await self._as_it_stood(keys)).items():
            removed = self._removed.get(key, ())
            found[key] = [one for one in bodies if (one.touch.order, one.body) not in removed]
        for key in keys:
            found.setdefault(key, []).extend(Stored(row.touch, row.body, row.voided) for row in self._added.get(key, {}).values())
            if others := self._everywhere.get(key):
                here = {(one.touch.order, one.body) for one in found[key]}
                found[key] += [one for body, one in others.items() if body not in here and self._is_there(body)]
        return {key: [one._replace(voided=self._is_void(one.touch, one.voided)) for one in bodies] for key, bodies in found.items()}

    async def _as_it_stood(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        lacking = [key for key in keys if key not in self._stood]
        found = await self._past.bodies(lacking) if lacking else {}
        here = {key: self._stood[key] for key in keys if key in self._stood}
        here |= {key: found.get(key, []) for key in lacking}
        self._stood_size += sum(len(here[key]) + 1 for key in lacking)
        if self._stood_size > KEPT_TOUCHPOINTS_MAX:
            self._stood.clear()
            self._stood_size = 0
        else:
            self._stood.update((key, here[key]) for key in lacking)
        return here

    def _is_there(self, body: Body) -> bool:
        """Whether a body that was brought under other keys is there now."""
        subject = body[0][3]
        return body in self._added.get(subject, ()) if body in self._comes else body not in self._removed.get(subject, ())

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        return (await self._past.deals_of(ids)).union(*(self._deals.get(id, ()) for id in ids))

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        also = (id for id in self._deals if id > after)
        return sorted({*await self._past.subjects(after, limit), *also})[:limit]

    async def subjects_count(self) -> int:
        return await self._past.subjects_count()
