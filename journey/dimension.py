"""The fold of what people's touchpoints refer to: a campaign, a piece of content, an account, the company itself.

A statement replaces the one before under its key, for all instants; a described field holds from its instant on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from journey.channels import excluded
from journey.definition import Definition
from journey.facts import Described, Fact, Facts
from journey.histories import is_for_members
from journey.identity import Id
from journey.instants import Instant, day
from journey.orders import NEVER_SENT, PAID, Orders, left_out, sent_again
from journey.rates import Rates, copied, quoted, restate
from journey.stateless import STATELESS, note, note_excluded
from journey.statements import Stated, stated
from journey.touchpoints import (
    AccountJoined,
    AccountUpdated,
    CampaignEnded,
    FxRate,
    Key,
    Order,
    SellerUpdated,
    Touchpoint,
    is_statement,
    statement_of,
)


@dataclass(slots=True)
class DimensionJourney:
    """The statements that count, by key."""

    subject: str
    seen: Order | None = None
    statements: dict[tuple[str, ...], Stated] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict)
    described_at: Instant = -1
    described: int = 0
    orders: Orders = field(default_factory=Orders)
    joined: set[Id] = field(default_factory=set)
    """Of an account: the ids that joined it, and one more than the bound at most."""
    is_updated: bool = False
    """Of an account: whether there is anything that its members share."""

    def members(self, definition: Definition) -> frozenset[Id]:
        """See `journey.histories.members`."""
        return frozenset(self.joined) if len(self.joined) <= definition.bounds.account_people_max else frozenset()

    def place(self, at: Instant) -> int:
        """The next place among what this history says at the instant `at`."""
        self.described = self.described + 1 if self.described_at == at else 0
        self.described_at = at
        return self.described


def derive(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> tuple[DimensionJourney, Facts]:
    """The journey of a whole history, in order, and all the facts that it asserts."""
    return _bounded(*_folded(definition, DimensionJourney(subject=subject), history, sent_again(_orders(definition, history))))


def advance(definition: Definition, journey: DimensionJourney, touches: Sequence[Touchpoint]) -> tuple[DimensionJourney, Facts]:
    """`journey` after `touches`, which are in order and later than those in it; and the signed facts that this changes."""
    silent = goes_on(definition, journey, touches)
    assert silent is not None, f"{journey.subject} has to be derived"
    return _bounded(*_folded(definition, journey, touches, silent))


def goes_on(definition: Definition, journey: DimensionJourney, touches: Sequence[Touchpoint]) -> Mapping[Key, str] | None:
    """Which of `touches`, all later than those in `journey`, count nowhere. None: it is to be derived from its history."""
    return journey.orders.onward(_orders(definition, touches))


def _orders(definition: Definition, touches: Sequence[Touchpoint]) -> Iterator[Touchpoint]:
    return (touch for touch in touches if isinstance(touch.data, PAID) and not excluded(definition, touch.about))


def stepwise(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> Iterator[tuple[Touchpoint, Facts]]:
    """The same fold, with what each touchpoint brought about, or took back, told apart."""
    journey, silent = DimensionJourney(subject=subject), sent_again(_orders(definition, history))
    for touch in history:
        journey, facts = _folded(definition, journey, [touch], silent)
        yield touch, facts


def _bounded(journey: DimensionJourney, facts: Facts) -> tuple[DimensionJourney, Facts]:
    journey.orders.bound()
    return journey, facts


def _folded(
    definition: Definition, journey: DimensionJourney, touches: Sequence[Touchpoint], silent: Mapping[Key, str]
) -> tuple[DimensionJourney, Facts]:
    after = DimensionJourney(
        journey.subject, journey.seen, dict(journey.statements), copied(journey.rates), journey.described_at, journey.described,
        journey.orders.copied(), set(journey.joined), journey.is_updated,
    )  # fmt: skip
    facts: Facts = Counter()
    zone = definition.zone
    for touch in touches:
        if silent.get(touch.key) == NEVER_SENT:
            if (found := left_out(after.subject, touch, zone)) is not None:
                facts[found] += 1
            continue
        after.seen = touch.order
        if isinstance(touch.data, AccountJoined) and len(after.joined) <= definition.bounds.account_people_max:
            after.joined.add(touch.subject)
        after.is_updated |= is_for_members(touch)
        if touch.subject != after.subject:
            continue
        if excluded(definition, touch.about):
            note_excluded(facts, definition, after.subject, touch)
            continue
        if isinstance(touch.data, PAID):
            for fact, count in after.orders.after(after.subject, touch, zone):
                facts[fact] += count
        elif is_statement(type(touch.data)):
            _state(definition, after, touch, facts)
        elif (by := STATELESS.get(type(touch.data))) is not None:
            note(facts, definition, after.subject, touch, after.place(touch.occurred_at), by)
        else:
            facts.update(_described(after, touch, zone))
    return after, Counter({fact: count for fact, count in facts.items() if count})


def _state(definition: Definition, journey: DimensionJourney, touch: Touchpoint, facts: Facts) -> None:
    """Take in a statement, and add the signed facts that this changes."""
    key, version = statement_of(touch)
    if isinstance(touch.data, SellerUpdated) and touch.data.statement is None:
        # Who changes teams is in the one until then and in the other from then on: both statements count.
        key = (*key, touch.data.since.isoformat())
    before = journey.statements.get(key)
    if before is not None and version <= before.version:
        return
    since = touch.occurred_at if before is None else before.since
    if isinstance(touch.data, FxRate):
        if before is not None and before.touch is not None:
            restate(facts, journey.rates, before.touch, quoted(before.touch, before.version), is_taken_back=True)
        restate(facts, journey.rates, touch, quoted(touch, version))
        journey.statements[key] = Stated(version, (), since, touch)
        return
    now = Stated(version, tuple(stated(definition, journey.subject, touch, since)), since)
    journey.statements[key] = now
    facts.update(now.facts)
    if before is not None:
        facts.subtract(before.facts)


def _described(journey: DimensionJourney, touch: Touchpoint, zone: str) -> Iterator[Fact]:
    """What a touchpoint that is no statement asserts."""
    data, at = touch.data, touch.occurred_at
    fields: dict[str, str] = {}
    match data:
        case AccountUpdated():
            said = {name: touch.says(name) for name in sorted(touch.named & _ACCOUNT)}
            fields = {name: "" if value is None else str(value) for name, value in said.items()}
        case CampaignEnded():
            fields = {"ended": data.reason or "ended"}
        case _:
            return
    for name, value in fields.items():
        yield Described(journey.subject, name, at, day(at, zone), journey.place(at), value)


_ACCOUNT = frozenset({"name", "domain", "industry", "employees", "revenue_band", "tier", "country", "owner", "team"})
