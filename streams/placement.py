"""Placement: one micro-batch from the log to a unit. The application service that both runtimes use.

Most touchpoints come later than all that is known of the subjects they reach: those are folded onto the journeys as they stand.
Anything else (late, linked, retracted, contested, a new participant of a deal) derives its subjects before and after, once a unit, and
hands out the difference. Nothing here knows where the record is kept.
"""

import hashlib
from collections import ChainMap, Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain

from journey import deal as deals
from journey import dimension, person_fold
from journey.deal import DealJourney
from journey.definition import Definition
from journey.dimension import DimensionJourney
from journey.facts import FOLD_VERSION, Facts, to_row
from journey.histories import KeptApart, is_for_members, is_person, keys, people_named
from journey.identity import Id, LinkSummary, Person, PersonId
from journey.orders import NEVER_SENT
from journey.person import PersonJourney
from journey.touchpoints import (
    AccountJoined,
    DealOpened,
    DealReopened,
    DealUpdated,
    Identified,
    Key,
    Retracted,
    Touchpoint,
    Unlinked,
)
from journey.tuples import new
from journey.turns import Turns
from schemas.decode import Decoded, Unreadable, digest_of
from schemas.intended import Name
from streams.arrivals import cut, dead_letter, decoded_of, one_a_row, refusal, sent_for, sent_instead, unknown_to
from streams.effects import derive, derived_person, effect_of
from streams.journeys import NEAR, Journey, dump, dump_near, load, load_near
from streams.operators import SetAside
from streams.pauses import Pauses
from streams.placement_cache import PlacementCache
from streams.ports import Histories, Raced
from streams.set_aside import SET_ASIDE, is_aside
from streams.units import BodyRow, BroughtToo, Generation, Imported, KnownBody, Recorded, Unit
from streams.world import BEFORE, World

ATTEMPTS_MAX = 5
"""How often a unit is placed that others race. From the second time on it is its turn, so that one more is enough."""

UNIT_RECORDS_MAX = 40_000
"""Records that one unit takes at most."""

UNIT_BYTES_MAX = 16 * 1024 * 1024
"""And their bytes; what is read at once may go beyond it, by a few megabytes or by one record."""

BRINGERS_MAX = 16
"""How many imports it is remembered of that they brought the same body, which a nightly export does. Of more it stays, whichever of them
are retracted."""

UNKNOWN_FIELDS_MAX = 100
UNKNOWN_FIELD_LENGTH_MAX = 100
"""The fields of one touchpoint that are counted because no type names them, and what is told of the name of one. All are kept."""

NO_TURNS: Turns = {}


class Placement:
    """Turns batches into units. Has journeys and persons at hand as of the last unit; `forget` them when one could not be committed."""

    def __init__(self, definition: Definition, histories: Histories) -> None:
        self.histories = histories
        self.pauses = Pauses()
        """What was done of the units, also of the one that is under way."""
        self._cache = PlacementCache()
        self._aside: SetAside | None = None
        """What was set aside, as of the last unit."""
        self.use(definition)

    def use(self, definition: Definition) -> None:
        """Work by `definition` from now on."""
        self.definition = definition
        self._by = Generation(definition.fingerprint, FOLD_VERSION)
        self.forget()

    async def run(self, batch: Sequence[Recorded], after: dict[int, int]) -> tuple[Unit, int]:
        """Place `batch` and commit it. Returns the unit and its position. What others raced is read and tried again, then in turn."""
        for attempt in range(ATTEMPTS_MAX):
            async with self.histories.turn() if attempt else nullcontext():
                try:
                    unit = await self.place(batch, after)
                    position = await self.histories.commit(unit)
                except Raced:
                    self.forget()
                    continue
                except BaseException:
                    # Committed or not: what is at hand may be ahead of the record.
                    self.forget()
                    raise
            for key in unit.touched:
                self._cache.versions[key] = unit.versions.get(key, 0) + 1
            return unit, position
        raise Raced(f"a unit was raced {ATTEMPTS_MAX} times, the last ones in turn")

    def forget(self) -> None:
        self._cache.forget()
        self._aside = None

    async def place(self, batch: Sequence[Recorded], after: dict[int, int]) -> Unit:
        """The unit of `batch`, records in the order of their partitions. `after` is where the record stands in each of them."""
        reached = {record.partition: record.offset for record in batch}
        unit = Unit(
            after={one: after.get(one, -1) for one in reached}, reached=reached, recorded_at=max(r.recorded_at for r in batch), by=self._by
        )
        arrivals = await self._read(batch, unit)
        await self._watch(unit, {key for row in arrivals for key in row.keys})
        # So that no unit brings what a letter of this one was meant to be, and neither knows of the other.
        await self._watch(unit, {subject for letter in unit.dead_letters for subject, _, _ in letter.meant})
        several = await self._sort_out(arrivals, unit)
        rivals = await self._rivals(unit, several)
        await self._fold(unit, several, rivals)
        self._cache.bound()
        return unit

    # --- what came in

    async def _read(self, batch: Sequence[Recorded], unit: Unit) -> list[BodyRow]:
        """Decode; what can't be read, is dated too far ahead of when the log recorded it, or was set aside, is a dead letter."""
        rows: list[BodyRow] = []
        future, is_no_id = self.definition.bounds.future, self.definition.identity.is_no_id
        if self._aside is None:
            self._aside = await self.histories.set_aside()
        unit.set_aside = self._aside.number
        batch = self._without_retracted(batch, unit)
        claims = {record.incoming.letter for record in batch if record.incoming.letter is not None}
        goes_in = dict(await self.histories.sent_again(claims)) if claims else {}
        # A letter, and what is sent again for it, may come in one unit where the log is read once more.
        for record in sorted(batch, key=lambda record: record.incoming.letter is not None) if claims else batch:
            letter = sent_for(record.incoming, goes_in)
            if letter is not None:
                unit.sent_again[letter] = goes_in[letter]
            touchpoint = self._touchpoint(record, future, is_no_id)
            if isinstance(touchpoint, Unreadable):
                dead = dead_letter(record, touchpoint.code, touchpoint.reason, letter)
                unit.dead_letters.append(dead)
                if dead.id in claims and (again := sent_instead(dead)) is not None:
                    goes_in.setdefault(dead.id, hashlib.sha256(again).digest())
                continue
            touch, body, unknown, digest = touchpoint
            rows.append(new(BodyRow, (touch, body, digest, keys(touch), unknown, False, False, record.incoming.import_id)))
            if letter is not None:
                unit.requeued[letter] = _name(touch)
        unit.dead_letters = one_a_row(unit.dead_letters)
        for one in unit.dead_letters:
            if one.import_id is not None:
                unit.imported[one.import_id].dead_letters += 1
        return rows

    def _without_retracted(self, batch: Sequence[Recorded], unit: Unit) -> Sequence[Recorded]:
        """Count what came in with imports. What came with one that was retracted since is nothing."""
        read = Counter(record.incoming.import_id for record in batch)
        del read[None]
        assert self._aside is not None
        retracted = self._aside.imports & read.keys()
        unit.imported = {one: Imported(n, left_out=n if one in retracted else 0) for one, n in read.items() if one is not None}
        return [record for record in batch if record.incoming.import_id not in retracted] if retracted else batch

    def _touchpoint(self, record: Recorded, future: int, is_no_id: Callable[[str], bool]) -> Decoded | Unreadable:
        """What `record` says, or why it is a dead letter. Raises what went wrong where it was read before."""
        if self._aside is not None and self._aside.records and (aside := is_aside(record, self._aside)) is not None:
            return Unreadable(SET_ASIDE, aside.reason)
        decoded = record.decoded or decoded_of(record.incoming)
        if isinstance(decoded, Decoded):
            return refusal(decoded.touch, record.recorded_at + future, is_no_id) or decoded
        if isinstance(decoded, Unreadable):
            return decoded
        raise decoded

    async def _sort_out(self, arrivals: list[BodyRow], unit: Unit) -> set[Name]:
        """Leave out what is stored already; note what is voided, and what is contested. Returns the names that have several bodies."""
        names = [_name(row.touch) for row in arrivals]
        asked = self._cache.new_names(names)
        for row in arrivals:
            touch = row.touch
            if isinstance(touch.data, Retracted):
                unit.voids.add((touch.subject, touch.data.of_source, touch.data.of_id))
        self._cache.new_names(unit.voids)
        known = await self.histories.known(asked) if asked else {}
        voided = unit.voids | await self.histories.voided(asked) if asked else unit.voids
        # Nearly all are there for the first time: only of the others bodies are compared.
        again = known.keys() | {name for name, times in Counter(names).items() if times > 1}
        here: dict[Name, list[KnownBody]] = {name: [*known.get(name, ())] for name in again}
        several: set[Name] = set()
        for row, name in zip(arrivals, names, strict=True):
            touch = row.touch
            if name in again:
                bodies, body = here[name], _known(row)
                # The same body at a later time says nothing new: equal bodies are one touchpoint at the earliest time.
                equal = [one for one in bodies if one.digest == body.digest and one.occurred_at <= body.occurred_at]
                if equal:
                    unit.duplicates += 1
                    if row.import_id is not None:
                        unit.imported[row.import_id].duplicates += 1
                    if any(not one.import_ids or row.import_id in one.import_ids for one in equal):
                        continue
                    # All that is there came with other imports: who brought it too is remembered, for when they are retracted.
                    too = _brought_too(name, body, equal)
                    if too is not None:
                        unit.brought_too.add(too)
                        (same,) = (one for one in equal if one.occurred_at == too.occurred_at)
                        by = same.import_ids | {too.import_id} if too.import_id else frozenset[int]()
                        bodies[bodies.index(same)] = same._replace(import_ids=by)
                        continue
                    row = row._replace(again=True)
                if bodies:
                    several.add(name)
                if any(one.digest != body.digest for one in bodies) and not equal:
                    unit.contested.add(name)
                    if row.import_id is not None:
                        unit.imported[row.import_id].conflicts += 1
                bodies.append(body)
            is_void = name in voided and not isinstance(touch.data, Retracted)
            unit.rows.append(row._replace(voided=True) if is_void else row)
            unit.touched.update(row.keys)
            if row.again:
                continue
            if row.import_id is not None:
                unit.imported[row.import_id].accepted += 1
            for field in dict.fromkeys(cut(one, UNKNOWN_FIELD_LENGTH_MAX) for one in row.unknown[:UNKNOWN_FIELDS_MAX]):
                unit.unknown_fields[touch.type, field] = unit.unknown_fields.get((touch.type, field), 0) + 1
            if touch.about.deal is not None:
                if isinstance(touch.data, DealOpened | DealUpdated | DealReopened) and (unknown := unknown_to(self.definition, touch.data)):
                    counted = (unknown[0], cut(unknown[1], UNKNOWN_FIELD_LENGTH_MAX))
                    unit.unknown_fields[counted] = unit.unknown_fields.get(counted, 0) + 1
                unit.takes_part.update((id, f"deal:{touch.about.deal}") for id in people_named(touch))
        return several

    async def _rivals(self, unit: Unit, several: set[Name]) -> list[Touchpoint]:
        """Bring each body under one of the names `several` under the keys of all of them: the one that counts is to count everywhere.

        Returns those that are stored and may have counted until now.
        """
        if not several:
            return []
        stored = list(chain.from_iterable((await self.histories.named(several)).values()))
        held: dict[Name, set[str]] = {name: set() for name in several}
        for one in stored:
            held[_name(one.touch)].update(keys(one.touch))
        every = {name: set(under) for name, under in held.items()}
        for row in unit.rows:
            if (name := _name(row.touch)) in several:
                every[name].update(row.keys)
        unit.rows = [row._replace(keys=tuple(sorted(every.get(_name(row.touch), row.keys)))) for row in unit.rows]
        for one in stored:
            name = _name(one.touch)
            if more := every[name] - held[name]:
                is_void = one.voided or (name in unit.voids and not isinstance(one.touch.data, Retracted))
                unit.rows.append(BodyRow(one.touch, one.body, digest_of(one.body), tuple(sorted(more)), voided=is_void, again=True))
        unit.touched.update(chain.from_iterable(every.values()))
        return [one.touch for one in stored if not one.voided]

    # --- what it changes

    async def _fold(self, unit: Unit, several: set[Name], rivals: list[Touchpoint]) -> None:
        """Fold what can be added to an end; derive the rest before and after."""
        live = [row.touch for row in unit.rows if not (row.voided or row.again or isinstance(row.touch.data, Retracted))]
        await self._know(unit, live)
        twice = await self._under_two_ids(live)
        changed, pending, again_persons = self._split(live, several | twice)
        again, turns = self._going_on(pending)
        again_persons |= {subject for subject in again if is_person(subject)}
        again_others = again - again_persons
        changed += rivals
        changed += await self._retracted(unit)
        facts: Facts = Counter()
        if changed or again_persons or again_others:
            ids = [id for name in again_persons for id in self._cache.persons[name].ids]
            derived = await self._derive(unit, changed, ids, again_others, facts, several)
            for subject in derived:
                pending.pop(subject, None)
        for subject, touches in pending.items():
            await self.pauses.after(len(touches))
            journey, more = advance(self.definition, self._cache.journeys[subject], touches, turns.get(subject, NO_TURNS))
            self._keep(unit, subject, journey)
            for fact, count in more.items():
                facts[fact] += count
        unit.facts = [to_row(fact, count) for fact, count in facts.items() if count]

    def _going_on(self, pending: dict[str, list[Touchpoint]]) -> tuple[set[str], dict[str, Turns]]:
        """The subjects whose earlier touchpoints may count otherwise now, which are derived; and for the persons among the others, what
        their deals and orders make of the touchpoints in `pending`. Those that count nowhere are no persons' any more."""
        again: set[str] = set()
        turned: dict[Key, str] = {}
        for subject, touches in pending.items():
            touches.sort(key=lambda touch: touch[:4])
            if subject.startswith("deal:"):
                gone_on = deals.goes_on(self.definition, self._deal(subject), touches)
                if gone_on is None:
                    people = self._deal(subject).people.union(*map(people_named, touches))
                    again |= {subject, *(self._cache.persons[id].name for id in people)}
                else:
                    turned |= gone_on[1]
        turns: dict[str, Turns] = {}
        for subject in [one for one in pending if not one.startswith("deal:") and one not in again]:
            journey, touches = self._cache.journeys[subject], pending[subject]
            if isinstance(journey, PersonJourney) and journey.presumed:
                again.add(subject)
                continue
            if turned and is_person(subject):
                touches = pending[subject] = [touch for touch in touches if turned.get(touch.key) != NEVER_SENT]
            if not touches:
                del pending[subject]
            elif journey.seen is not None and touches[0][:4] <= journey.seen:
                again.add(subject)
            elif isinstance(journey, PersonJourney):
                silent = person_fold.goes_on(self.definition, journey, touches)
                if silent is None:
                    again.add(subject)
                else:
                    turns[subject] = ChainMap(silent, turned) if silent else turned
            elif isinstance(journey, DimensionJourney) and dimension.goes_on(self.definition, journey, touches) is None:
                again.add(subject)
        return again, turns

    async def _know(self, unit: Unit, live: Iterable[Touchpoint]) -> None:
        """Bring in the persons, deals and journeys that `live` reaches directly."""
        subjects = {touch.subject for touch in live} | {f"deal:{touch.about.deal}" for touch in live if touch.about.deal is not None}
        joins = _joins(live)
        subjects |= joins.keys()
        await self._bring_persons(unit, [subject for subject in subjects if is_person(subject)])
        await self._bring_journeys(unit, [subject for subject in subjects if not is_person(subject)])
        taking_part = {id for subject in subjects if subject.startswith("deal:") for id in self._deal(subject).people}
        taking_part.update(id for touch in live if touch.about.deal is not None for id in people_named(touch))
        updated = {touch.subject for touch in live if is_for_members(touch)}
        for account in updated | joins.keys():
            journey = self._account(account)
            # Where nobody is a member any more, all of them are others than before.
            if account in updated or len(journey.joined | joins[account]) > self.definition.bounds.account_people_max:
                taking_part |= journey.members(self.definition)
        await self._bring_persons(unit, taking_part)
        await self._bring_journeys(unit, {self._cache.persons[one].name for one in chain(taking_part, subjects) if is_person(one)})

    def _split(self, live: list[Touchpoint], changing: set[Name]) -> tuple[list[Touchpoint], dict[str, list[Touchpoint]], set[PersonId]]:
        """What changes more than an end; by subject, what may be folded onto its journey; and persons to whom an older deal is new.

        `changing`: names that stand for more than one touchpoint.
        """
        changed: list[Touchpoint] = []
        pending: dict[str, list[Touchpoint]] = defaultdict(list)
        again: set[PersonId] = set()
        plain: list[Touchpoint] = []
        people: dict[str, frozenset[Id] | set[Id]] = {}
        """By deal who takes part in it, and by account who shares its updates, where the unit changes that."""
        for touch in live:
            if isinstance(touch.data, Identified | Unlinked) or (changing and _name(touch) in changing):
                changed.append(touch)
                continue
            plain.append(touch)
            if touch.about.deal is None:
                continue
            deal = f"deal:{touch.about.deal}"
            named = people_named(touch)
            taking_part = people.setdefault(deal, self._deal(deal).people)
            if not taking_part.issuperset(named):
                # What happened in the deal before is new to them; where nothing did, it is as for anybody who takes part.
                if self._cache.versions[deal] > 0:
                    again.update(self._cache.persons[id].name for id in named if id not in taking_part)
                people[deal] = taking_part.union(named)
        for account, new_ids in _joins(plain).items():
            journey = self._account(account)
            before = journey.members(self.definition)
            is_crowded = len(journey.joined | new_ids) > self.definition.bounds.account_people_max
            people[account] = frozenset() if is_crowded else before | new_ids
            if journey.is_updated:
                again.update(self._cache.persons[id].name for id in before ^ people[account])
        for touch in plain:
            subject, about = touch.subject, touch.about
            if is_person(subject):
                subject = self._cache.persons[subject].name
                if about.deal is None and not isinstance(touch.data, AccountJoined):
                    pending[subject].append(touch)
                    continue
            reached = {subject}
            if isinstance(touch.data, AccountJoined):
                reached.add(f"account:{touch.data.account}")
            elif is_for_members(touch):
                ids = people[subject] if subject in people else self._account(subject).members(self.definition)
                reached.update(self._cache.persons[id].name for id in ids)
            if about.deal is not None or subject.startswith("deal:"):
                deal = touch.subject if about.deal is None else f"deal:{about.deal}"
                reached.add(deal)
                reached.update(self._cache.persons[id].name for id in people.get(deal) or self._deal(deal).people)
            for one in reached:
                pending[one].append(touch)
        return changed, pending, again

    async def _under_two_ids(self, live: list[Touchpoint]) -> set[Name]:
        """The names whose (source, id) stands under another id of the same person too."""
        asked: dict[Name, Name] = {}
        here: dict[tuple[str, str, str], Name] = {}
        twice: set[Name] = set()
        for touch in live:
            if not is_person(touch.subject):
                continue
            person = self._cache.persons[touch.subject]
            if len(person.ids) > 1 and not isinstance(touch.data, KeptApart):
                name = _name(touch)
                other = here.setdefault((person.name, touch.source, touch.id), name)
                if other != name:
                    twice |= {other, name}
                others = ((id, touch.source, touch.id) for id in person.ids if id != touch.subject)
                asked.update({one: name for one in others if self._cache.may_be_there(one)})
        if asked:
            found = await self.histories.known(asked)
            twice.update(asked[name] for name in found)
        return twice

    async def _retracted(self, unit: Unit) -> list[Touchpoint]:
        """The stored touchpoints that a retraction of this unit voids, and that counted until now."""
        if not unit.voids:
            return []
        stored = await self.histories.named(unit.voids)
        return [one.touch for bodies in stored.values() for one in bodies if not one.voided and not isinstance(one.touch.data, Retracted)]

    async def _derive(
        self,
        unit: Unit,
        changed: list[Touchpoint],
        ids: list[Id],
        others: set[str],
        facts: Facts,
        several: set[Name],
    ) -> set[str]:
        """Derive what is not an addition to an end, before and after; add the difference to `facts`. Returns the subjects derived."""
        world = self._world(unit, unit.rows, unit.voids)
        world.takes_part_in(unit.takes_part)
        found = await effect_of(self.definition, world, changed, ids, others, several=several | unit.voids)
        unit.held = world.held_now
        facts.update(found.facts)
        for subject, journey in found.journeys.items():
            self._keep(unit, subject, journey)
        for one in found.people:
            for id in one.ids:
                if self._cache.persons.get(id) != one or id in self._cache.unrecorded:
                    self._cache.persons[id] = one
                    unit.persons[id] = one.name
        unit.touched.update(found.ids)
        for name in found.gone:
            self._cache.drop(name)
        unit.gone |= found.gone
        self._keep_near(unit, world)
        return found.subjects

    def _world(self, unit: Unit, rows: list[BodyRow], voids: set[Name]) -> World:
        async def near(ids: Collection[Id]) -> Mapping[Id, LinkSummary]:
            kept = await self.histories.journeys([NEAR + id for id in ids])
            return {key.removeprefix(NEAR): load_near(body) for key, body in kept.items()}

        return World(self.histories, self.definition, rows, voids, lambda keys: self._watch(unit, keys), near, self.pauses)

    def _keep_near(self, unit: Unit, world: World) -> None:
        unit.journeys.update((NEAR + id, dump_near(near)) for id, near in world.near_to_keep())

    # --- journeys and persons at hand

    def _keep(self, unit: Unit, subject: str, journey: Journey) -> None:
        unit.touched.update(journey.ids if isinstance(journey, PersonJourney) else (subject,))
        kept = dump(journey)
        self._cache.keep(subject, journey, len(kept))
        if kept:
            unit.journeys[subject] = kept
        if isinstance(journey, PersonJourney) and self._cache.unrecorded:
            for id in self._cache.unrecorded.intersection(journey.ids):
                unit.persons[id] = subject
                self._cache.unrecorded.discard(id)

    def _deal(self, subject: str) -> DealJourney:
        journey = self._cache.journeys[subject]
        assert isinstance(journey, DealJourney)
        return journey

    def _account(self, subject: str) -> DimensionJourney:
        journey = self._cache.journeys[subject]
        assert isinstance(journey, DimensionJourney)
        return journey

    async def _watch(self, unit: Unit, keys: Iterable[str]) -> None:
        """Note that the unit rests on the state of `keys`, at the versions that they have before they are read."""
        looked_at = [key for key in keys if key not in unit.versions]
        missing = [key for key in looked_at if key not in self._cache.versions]
        if missing:
            found = await self.histories.versions(missing)
            for key in missing:
                self._cache.versions[key] = found.get(key, 0)
        unit.versions.update((key, self._cache.versions[key]) for key in looked_at)

    async def _bring_persons(self, unit: Unit, ids: Collection[Id]) -> None:
        missing = {id for id in ids if id not in self._cache.persons}
        if missing:
            await self._watch(unit, missing)
            found = await self.histories.people(missing)
            for id in missing:
                one = found.get(id)
                if one is None:
                    self._cache.unrecorded.add(id)
                    one = Person(id, (id,))
                self._cache.persons.update(dict.fromkeys(one.ids, one))
        await self._watch(unit, {one for id in ids for one in self._cache.persons[id].ids})

    async def _bring_journeys(self, unit: Unit, subjects: Collection[str]) -> None:
        """Journeys that are not at hand: as they were kept, else derived from the history."""
        missing = {subject for subject in subjects if subject not in self._cache.journeys}
        for subject in missing & self._cache.unrecorded:
            self._cache.keep(subject, PersonJourney(person=subject, ids=(subject,)))
        missing -= self._cache.unrecorded
        if not missing:
            return
        await self._watch(unit, missing)
        kept = await self.histories.journeys(missing)
        rest = missing - kept.keys()
        for subject, body in kept.items():
            self._cache.keep(subject, load(subject, body), len(body))
        if rest:
            world = self._world(unit, [], set())
            await world.load(rest)
            await world.bring(id for subject in rest if is_person(subject) for id in self._cache.persons[subject].ids)
            for subject in rest:
                journey = await self.derived(world, subject)
                self._cache.keep(subject, journey, len(dump(journey)))

    async def derived(self, world: World, subject: str) -> Journey:
        """The journey of `subject` from its history, as the record stands."""
        if not is_person(subject):
            return derive(self.definition, subject, world.counting(subject, BEFORE))[0]
        one = self._cache.persons[subject]
        return (await derived_person(world, one, BEFORE))[0]


def advance(definition: Definition, journey: Journey, touches: Sequence[Touchpoint], turns: Turns) -> tuple[Journey, Facts]:
    """`journey` after `touches`, and what that changes. It may be changed itself: as it was nobody wants it again."""
    match journey:
        case PersonJourney():
            return person_fold.advance(definition, journey, touches, turns, is_given=True)
        case DealJourney():
            return deals.advance(definition, journey, touches)
        case DimensionJourney():
            return dimension.advance(definition, journey, touches)


def _joins(touches: Iterable[Touchpoint]) -> defaultdict[str, set[Id]]:
    """The ids that join accounts by `touches`, by account."""
    found: defaultdict[str, set[Id]] = defaultdict(set)
    for touch in touches:
        if isinstance(touch.data, AccountJoined):
            found[f"account:{touch.data.account}"].add(touch.subject)
    return found


def _brought_too(name: Name, body: KnownBody, equal: Sequence[KnownBody]) -> BroughtToo | None:
    """That another import brought `body` too, where it is stored at the same time. `equal`: what is stored of it up to its time."""
    if len(frozenset[int]().union(*(one.import_ids for one in equal))) >= BRINGERS_MAX:
        return BroughtToo(name, body.digest, equal[0].occurred_at, 0)
    if all(one.occurred_at != body.occurred_at for one in equal):
        return None
    (import_id,) = body.import_ids or (0,)
    return BroughtToo(name, body.digest, body.occurred_at, import_id)


def _known(row: BodyRow) -> KnownBody:
    return KnownBody(row.touch.occurred_at, row.digest, frozenset() if row.import_id is None else frozenset([row.import_id]))


def _name(touch: Touchpoint) -> Name:
    return touch.subject, touch.source, touch.id
