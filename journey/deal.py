"""The fold of a deal: its stage, value and outcome, from all touchpoints that name it. Outcome and value are asserted here only.

Which of them turn the deal is settled first (`turns`); each field changes at the touchpoints that name it, in order.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal

from journey.channels import excluded
from journey.definition import Definition
from journey.facts import DealStood, Facts, LeftOut
from journey.histories import people_named
from journey.instants import Instant, day
from journey.money import minor, nearest, weighted
from journey.orders import AGAIN, NEVER_SENT, NO_DEAL, OTHER_CURRENCY, TOO_MUCH, Waiting
from journey.stateless import STATELESS, note, note_excluded
from journey.statements import SCHEDULED_MAX, Schedule
from journey.touchpoints import ActivityScheduled, Close, DealOpened, DealReopened, DealUpdated, Key, Order, Refund, Touchpoint
from journey.turns import Turns, TurnsState, onward, turns


@dataclass(frozen=True, slots=True)
class DealJourney:
    """How a deal stands after its last touchpoint, and who takes part."""

    deal: str
    people: frozenset[str] = frozenset()
    """The ids that were ever named."""
    heard: TurnsState = field(default_factory=TurnsState)
    stated: bool = False
    """Whether anything has said how the deal stands yet."""
    outcome: str = "open"
    pipeline: str = ""
    stage: str = ""
    amount_minor: int = 0
    """As last stated; less the refunds it is what the deal is worth."""
    currency: str = ""
    probability: str = ""
    expected_close_on: str = ""
    owner: str = ""
    team: str = ""
    account: str = ""
    deal_kind: str = ""
    reason: str = ""
    competitor: str = ""
    products: tuple[str, ...] = ()
    opened_at: Instant = 0
    closed_at: Instant = 0
    moved_at: Instant = -1
    moved: int = 0
    noted_at: Instant = -1
    noted: int = 0
    refunds: tuple[Waiting, ...] = ()
    schedule: Schedule = field(default_factory=Schedule)

    @property
    def seen(self) -> Order | None:
        return self.heard.last

    @property
    def value_minor(self) -> int:
        """What it is worth: its amount less what was paid back in its currency, and never below 0 by that."""
        back = sum(one.amount_minor for one in self.refunds if one.currency == self.currency)
        return self.amount_minor if back <= 0 else min(self.amount_minor, max(0, self.amount_minor - back))

    def after(self, touch: Touchpoint, turn: str | None) -> "DealJourney":
        """The deal after `touch`, which comes to `turn` by it if it is one. Never refuses: what happened, happened."""
        at, data = touch.occurred_at, touch.data
        named: dict[str, object] = {
            name: value for name in ("owner", "team", "account") if (value := getattr(touch.about, name)) is not None
        }  # fmt: skip
        match data:
            case DealOpened():
                named |= {"pipeline": data.pipeline, "deal_kind": data.kind}
                if not self.deal_kind:
                    named["opened_at"] = at
            case DealUpdated() | Close() | DealReopened():
                pass
            case Refund() if self.stated:
                after = replace(self, refunds=(*self.refunds, _refund(touch, data)))
                return after if after.value_minor == self.value_minor else after.moving(at)
            case Refund():
                return replace(self, refunds=(*self.refunds, _refund(touch, data)))
            case _:
                return self
        if turn is not None:
            reason, competitor = (data.reason or "", data.competitor or "") if isinstance(data, Close) else ("", "")
            named |= {"outcome": turn, "reason": reason, "competitor": competitor, "closed_at": 0 if turn == "open" else at}
        match data:
            case DealUpdated(amount=Decimal() as amount, currency=None):
                # In the deal's currency, where that is known and the amount is one of it.
                with suppress(ValueError):
                    named["amount_minor"] = minor(nearest(amount, self.currency)[0], self.currency)
            case DealOpened() | DealUpdated() | Close() if data.amount is not None:
                named |= {"amount_minor": data.minor("amount") or 0, "currency": data.currency or ""}
            case _:
                pass
        match data:
            case DealOpened() | DealUpdated() | DealReopened() if data.stage is not None:
                named["stage"] = data.stage
            case _:
                pass
        match data:
            case DealOpened() | Close() if touch.about.products:
                named["products"] = touch.about.products
            case DealUpdated() if data.products is not None:
                named["products"] = data.products
            case _:
                pass
        match data:
            case DealOpened() | DealUpdated():
                if data.expected_close_on is not None:
                    named["expected_close_on"] = data.expected_close_on.isoformat()
                if data.probability is not None:
                    named["probability"] = format(data.probability.normalize(), "f")
            case _:
                pass
        return replace(self, stated=True, **named).moving(at)  # type: ignore[arg-type]  # field by field, as above

    def moving(self, at: Instant) -> "DealJourney":
        return replace(self, moved_at=at, moved=self.moved + 1 if self.moved_at == at else 0)

    def stood(self, definition: Definition) -> DealStood:
        """The fact that says how it stands."""
        zone, value_minor = definition.zone, self.value_minor
        chance = Decimal(self.probability) if self.probability else definition.stage_chances.get((self.pipeline, self.stage))
        return DealStood(
            deal=self.deal, at=self.moved_at, day=day(self.moved_at, zone), nth=self.moved, outcome=self.outcome, pipeline=self.pipeline,
            stage=self.stage, amount_minor=value_minor, currency=self.currency, probability=self.probability,
            weighted_minor=0 if chance is None else weighted(value_minor, chance), is_weighted=int(chance is not None),
            is_known_stage=int((self.pipeline, self.stage) in definition.stage_chances),
            expected_close_on=self.expected_close_on, owner=self.owner, team=self.team, account=self.account, deal_kind=self.deal_kind,
            reason=self.reason, competitor=self.competitor, opened_at=self.opened_at,
            opened_on=day(self.opened_at, zone) if self.opened_at else "", closed_at=self.closed_at,
            closed_on=day(self.closed_at, zone) if self.closed_at else "",
            took=self.closed_at - self.opened_at if 0 < self.opened_at <= self.closed_at else -1, products=self.products,
        )  # fmt: skip

    def left_out(self, zone: str) -> Iterator[LeftOut]:
        """The refunds that take nothing, or not all, of what the deal is worth."""
        left = self.amount_minor
        for one in self.refunds:
            if not self.stated:
                yield LeftOut(self.deal, self.deal, one.at, day(one.at, zone), NO_DEAL, one.source, one.id)
            elif one.currency != self.currency:
                yield LeftOut(self.deal, self.deal, one.at, day(one.at, zone), OTHER_CURRENCY, one.source, one.id)
            elif one.amount_minor > max(0, left):
                left = 0
                yield LeftOut(self.deal, self.deal, one.at, day(one.at, zone), TOO_MUCH, one.source, one.id)
            else:
                left -= one.amount_minor


def _refund(touch: Touchpoint, data: Refund) -> Waiting:
    return Waiting(touch.occurred_at, touch.source, touch.id, data.currency, data.minor("amount") or 0)


def derive(definition: Definition, deal: str, history: Sequence[Touchpoint]) -> tuple[DealJourney, Facts]:
    """The deal of a whole history, in order, and all the facts that it asserts. `deal` is its subject, `deal:…`."""
    found, heard = turns(definition, history)
    journey, facts = _folded(definition, DealJourney(deal=deal), history, found)
    return replace(journey, heard=heard), facts


def stepwise(definition: Definition, deal: str, history: Sequence[Touchpoint]) -> Iterator[tuple[Touchpoint, Facts]]:
    """The same fold, with what each touchpoint brought about, or took back, told apart."""
    found, _ = turns(definition, history)
    journey = DealJourney(deal=deal)
    for touch in history:
        journey, facts = _folded(definition, journey, [touch], found)
        yield touch, facts


def advance(definition: Definition, journey: DealJourney, touches: Sequence[Touchpoint]) -> tuple[DealJourney, Facts]:
    """`journey` after `touches`, after which `goes_on` says that it can go on; and the facts that they add."""
    gone_on = goes_on(definition, journey, touches)
    assert gone_on is not None, f"{journey.deal} has to be derived"
    heard, found = gone_on
    journey, facts = _folded(definition, journey, touches, found)
    return replace(journey, heard=heard), facts


def goes_on(definition: Definition, journey: DealJourney, touches: Sequence[Touchpoint]) -> tuple[TurnsState, dict[Key, str]] | None:
    """What is heard of a deal after `touches`, in order, and their turns. None where the deal, and all who take part, are to be derived."""
    if not journey.schedule.knows((journey.deal,), touches):
        return None
    return onward(definition, journey.heard, touches)


def _folded(definition: Definition, journey: DealJourney, touches: Sequence[Touchpoint], found: Turns) -> tuple[DealJourney, Facts]:
    facts: Facts = Counter()
    for touch in touches:
        journey = replace(journey, people=journey.people.union(people_named(touch)))
        if excluded(definition, touch.about):
            if touch.subject == journey.deal:
                note_excluded(facts, definition, journey.deal, touch)
            continue
        turn = found.get(touch.key)
        if turn == NEVER_SENT:
            if isinstance(touch.data, Refund):
                at = touch.occurred_at
                facts[LeftOut(journey.deal, journey.deal, at, day(at, definition.zone), AGAIN, touch.source, touch.id)] += 1
            continue
        if touch.subject == journey.deal:
            journey = _noted(definition, journey, touch, facts)
        after = journey.after(touch, turn)
        if after.moved_at != journey.moved_at or after.moved != journey.moved:
            facts[after.stood(definition)] += 1
        if after.refunds:
            facts.subtract(journey.left_out(definition.zone))
            facts.update(after.left_out(definition.zone))
        journey = after
    if len(journey.schedule.known) > SCHEDULED_MAX:
        journey = replace(journey, schedule=journey.schedule.copied())
        journey.schedule.bound()
    return journey, Counter({fact: count for fact, count in facts.items() if count})


def _noted(definition: Definition, journey: DealJourney, touch: Touchpoint, facts: Facts) -> DealJourney:
    """Add what `touch`, which was published under the deal, asserts besides how the deal stands. One of a person's is the person's."""
    at = touch.occurred_at
    if isinstance(touch.data, ActivityScheduled):
        journey = replace(journey, schedule=journey.schedule.copied())
        journey.schedule.state(facts, definition, journey.deal, touch)
    elif (by := STATELESS.get(type(touch.data))) is not None:
        journey = replace(journey, noted_at=at, noted=journey.noted + 1 if journey.noted_at == at else 0)
        note(facts, definition, journey.deal, touch, journey.noted, by)
    return journey
