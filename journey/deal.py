"""The fold of a deal: its stage, value and outcome, from all touchpoints that name it. Outcome and value are asserted here only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from journey.channels import excluded
from journey.definition import Definition
from journey.facts import DealStood, Facts, Ordered
from journey.histories import people_named
from journey.instants import Instant
from journey.touchpoints import Close, DealOpened, DealReopened, DealUpdated, Order, Refund, Touchpoint


@dataclass(frozen=True, slots=True)
class DealJourney:
    """How a deal stands after its last touchpoint, and who takes part."""

    deal: str
    people: frozenset[str] = frozenset()
    """The ids that were ever named."""
    seen: Order | None = None
    stated: bool = False
    """Whether anything has said how the deal stands yet."""
    outcome: str = "open"
    pipeline: str = ""
    stage: str = ""
    amount_minor: int = 0
    currency: str = ""
    probability: str = ""
    expected_close_on: str = ""
    owner: str = ""
    team: str = ""
    account: str = ""
    deal_kind: str = ""
    reason: str = ""
    opened_at: Instant = 0
    closed_at: Instant = 0
    moved_at: Instant = -1
    moved: int = 0

    def after(self, touch: Touchpoint) -> "DealJourney":
        """The deal after `touch`. Never refuses: what happened, happened."""
        at, data = touch.occurred_at, touch.data
        named: dict[str, object] = {
            name: value for name in ("owner", "team", "account") if (value := getattr(data, name)) is not None
        }  # fmt: skip
        match data:
            case DealOpened():
                named |= {"pipeline": data.pipeline, "deal_kind": data.kind, "opened_at": at}
                named |= {"outcome": "open", "reason": "", "closed_at": 0}
            case DealUpdated():
                pass
            case Close(outcome=outcome, reason=reason):
                named |= {"outcome": outcome, "reason": reason or "", "closed_at": at}
            case DealReopened(reason=reason):
                named |= {"outcome": "open", "reason": "", "closed_at": 0}
            case _:
                return self
        match data:
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
            case DealOpened() | DealUpdated():
                if data.expected_close_on is not None:
                    named["expected_close_on"] = data.expected_close_on.isoformat()
                if data.probability is not None:
                    named["probability"] = format(data.probability.normalize(), "f")
            case _:
                pass
        if not self.stated:
            named.setdefault("opened_at", at)
        moved = self.moved + 1 if self.moved_at == at else 0
        return replace(self, stated=True, moved_at=at, moved=moved, **named)  # type: ignore[arg-type]  # field by field, as above

    def stood(self) -> DealStood:
        return DealStood(
            self.deal, self.moved_at, self.moved, self.outcome, self.pipeline, self.stage, self.amount_minor, self.currency,
            self.probability, self.expected_close_on, self.owner, self.team, self.account, self.deal_kind, self.reason, self.opened_at,
            self.closed_at,
        )  # fmt: skip


def derive(definition: Definition, deal: str, history: Sequence[Touchpoint]) -> tuple[DealJourney, Facts]:
    """The deal of a whole history, in order, and all the facts that it asserts. `deal` is its subject, `deal:…`."""
    return advance(definition, DealJourney(deal=deal), history)


def advance(definition: Definition, journey: DealJourney, touches: Sequence[Touchpoint]) -> tuple[DealJourney, Facts]:
    """`journey` after `touches`, which are in order and later than those in it; and the facts that they add."""
    facts: Facts = Counter()
    for touch in touches:
        journey = replace(journey, seen=touch.order, people=journey.people.union(people_named(touch)))
        if excluded(definition, touch.data):
            continue
        after = journey.after(touch)
        if after is not journey:
            journey = after
            facts[journey.stood()] += 1
        if isinstance(touch.data, Refund) and touch.subject == journey.deal:
            data = touch.data
            facts[Ordered(journey.deal, data.order or journey.deal, touch.occurred_at, data.currency, -(data.minor("amount") or 0))] += 1
    return journey, facts
