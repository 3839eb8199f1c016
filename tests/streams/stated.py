"""Which statements of a deal and of an order count, worked out from DESIGN.md, section 12, over the whole set at once, however dear.

Nothing here is the engine's: what it comes to by its folds, in any steps, is held against this.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from journey.channels import excluded
from journey.definition import Definition
from journey.facts import DealStood, Excluded, Fact, LeftOut, Lowered, Ordered
from journey.instants import instant
from journey.money import weighted
from journey.touchpoints import Key, Touchpoint
from tests.journey.builders import on

MONEY = (Ordered, Lowered, LeftOut)


class Say(NamedTuple):
    """`said`: by `stated_at`, else by time; at one instant stages before explicit words; then by source, id, subject."""

    said: tuple[Any, ...]
    at: int
    outcome: str
    how: str
    touch: Touchpoint


def when_stated(touch: Touchpoint) -> int | None:
    stated = getattr(touch.data, "stated_at", None)
    return None if stated is None else instant(stated)


def says(definition: Definition, history: list[Touchpoint]) -> list[Say]:
    found: list[Say] = []
    pipeline, is_opened = "", False
    stages = {one.name: {stage.name: stage.outcome for stage in one.stages} for one in definition.pipelines}
    for touch in history:
        data: Any = touch.data
        outcome, how, said = "", "plain", touch.occurred_at
        match touch.type:
            case "close":
                outcome = data.outcome
                if (stated := when_stated(touch)) is not None:
                    how, said = "stated", stated
            case "deal_reopened":
                outcome = "open"
            case "deal_opened" | "deal_updated" if data.stage is not None:
                how = "stage"
                of = data.pipeline if touch.type == "deal_opened" else pipeline
                agreed = {names[data.stage] for names in stages.values() if data.stage in names}
                known = stages.get(of, {}).get(data.stage, "") if of else agreed.pop() if len(agreed) == 1 else ""
                outcome = data.stage_outcome or known
                if touch.type == "deal_opened" and (not is_opened or outcome != "open"):
                    outcome = ""
        if touch.type == "deal_opened":
            pipeline, is_opened = data.pipeline, True
        if outcome:
            found.append(Say((said, how != "stage", touch.source, touch.id, touch.subject), touch.occurred_at, outcome, how, touch))
    return sorted(found, key=lambda one: one.said)


def same(stage: str, standing: str) -> bool:
    return stage == standing or (stage == "lost" and standing == "abandoned")


def words(one: Say) -> tuple[Any, ...] | None:
    data = one.touch.data
    fields = {name: getattr(data, name) for name in type(data).__dataclass_fields__ if name != "stated_at"}
    return (one.at, repr((one.touch.about, fields))) if one.how == "stated" else None


def turns(definition: Definition, history: list[Touchpoint]) -> list[Say]:
    """What counts of what is said: of each whether anything said later takes it back, replaces it, or had said it already."""
    standing, last, news = "open", None, list[Say]()
    for one in says(definition, history):
        is_old = (one.how == "stage" and same(one.outcome, standing)) or one.outcome == standing == "open"
        if not is_old and not (one.how == "stated" and words(one) == last):
            standing, last = one.outcome, words(one)
            news.append(one)
    left: list[Say] = []
    for nth in range(len(news) - 1, -1, -1):
        one, later = news[nth], left[0] if left else None
        if any(one.at >= other.at for other in left):
            continue
        if one.outcome != "open":
            closings: list[Say] = []
            for other in left:
                if other.outcome == "open":
                    break
                closings.append(other)
            if any(other.how == "stated" for other in closings):
                continue
            is_closing = later is not None and later.how != "stage" and later.outcome != "open"
            if one.how == "stage" and later is not None and is_closing and same(one.outcome, later.outcome):
                continue
        left.insert(0, one)
    standing, found = "open", []
    for one in left:
        if one.outcome == standing == "open" or (one.how == "stage" and same(one.outcome, standing)):
            continue
        standing = one.outcome
        found.append(one)
    return found


def deal(definition: Definition, whole: list[Touchpoint]) -> tuple[dict[Key, str], set[Key]]:
    """The outcome that each turn brings; and what counts nowhere: closes that are none, openings that repeat, refunds sent again."""
    history = [touch for touch in whole if not excluded(definition, touch.about)]
    counting = {one.touch.key: one.outcome for one in turns(definition, history)}
    unsaid = {touch.key for touch in history if touch.type == "close"}
    openings = [touch for touch in history if touch.type == "deal_opened"]
    for before, after in pairwise(openings):
        if before.occurred_at == after.occurred_at and before.data == after.data:
            unsaid.add(after.key)
    refunds = [touch for touch in history if touch.type == "refund"]
    unsaid |= sent_again(refunds, lambda data: data.refund)
    return counting, unsaid - counting.keys()


def stood(definition: Definition, subject: str, whole: list[Touchpoint]) -> Counter[Fact]:
    """How the deal stood from each of its touchpoints on: every field as it was last stated by then."""
    counting, unsaid = deal(definition, whole)
    history = [touch for touch in whole if not excluded(definition, touch.about)]
    facts: Counter[Fact] = Counter()
    for one in whole:
        if one.subject == subject and excluded(definition, one.about):
            facts[Excluded(subject, on(one.occurred_at, definition.zone), one.type, "bot" if one.about.bot else "test")] += 1
    said = [touch for touch in history if touch.key not in unsaid]
    refunds: list[Touchpoint] = []
    rows: list[DealStood] = []
    known: dict[str, Any] = {}
    for touch in said:
        data: Any = touch.data
        if touch.type == "refund":
            refunds.append(touch)
            if not known:
                continue
        elif touch.type in ("deal_opened", "deal_updated", "close", "deal_reopened"):
            known.setdefault("stated", True)
            for name in ("owner", "team", "account", "stage"):
                if touch.says(name) is not None:
                    known[name] = touch.says(name)
            if getattr(data, "amount", None) is not None:
                known |= {"amount": data.minor("amount"), "currency": data.currency}
            if getattr(data, "probability", None) is not None:
                known["probability"] = format(data.probability.normalize(), "f")
            if getattr(data, "expected_close_on", None) is not None:
                known["expected"] = data.expected_close_on.isoformat()
            if touch.type == "deal_updated":
                known["products"] = known.get("products", ()) if data.products is None else data.products
            elif touch.about.products and touch.type != "deal_reopened":
                known["products"] = touch.about.products
            if touch.type == "deal_opened":
                known |= {"pipeline": data.pipeline, "kind": data.kind}
                known.setdefault("opened", touch.occurred_at)
            if (outcome := counting.get(touch.key)) is not None:
                known["outcome"] = outcome
                known["closed"] = 0 if outcome == "open" else touch.occurred_at
                known["reason"] = (data.reason or "") if touch.type == "close" else ""
                known["competitor"] = (data.competitor or "") if touch.type == "close" else ""
        else:
            continue
        paid = sum(one.data.minor("amount") for one in refunds if one.data.currency == known.get("currency"))  # type: ignore[union-attr]
        worth = max(0, known.get("amount", 0) - paid) if paid else known.get("amount", 0)
        place = (known.get("pipeline", ""), known.get("stage", ""))
        chances = {(one.name, stage.name): stage.probability for one in definition.pipelines for stage in one.stages}
        chance = Decimal(known["probability"]) if "probability" in known else chances.get(place)
        opened, closed = known.get("opened", 0), known.get("closed", 0)
        day, zone = on(touch.occurred_at, definition.zone), definition.zone
        row = DealStood(
            subject, touch.occurred_at, day, 0, known.get("outcome", "open"), *place, worth, known.get("currency", ""),
            known.get("probability", ""), 0 if chance is None else weighted(worth, chance), int(chance is not None), int(place in chances),
            known.get("expected", ""), known.get("owner", ""), known.get("team", ""), known.get("account", ""), known.get("kind", ""),
            known.get("reason", ""), known.get("competitor", ""), opened, on(opened, zone), closed, on(closed, zone),
            closed - opened if 0 < opened <= closed else -1, known.get("products", ()),
        )  # fmt: skip
        if touch.type != "refund" or worth != rows[-1].amount_minor:
            rows.append(row)
    for nth, row in enumerate(rows):
        facts[row._replace(nth=sum(other.at == row.at for other in rows[:nth]))] += 1
    left = known.get("amount", 0)
    for one in refunds:
        amount = one.data.minor("amount")  # type: ignore[union-attr]
        why = ""
        if not known:
            why = "refund without its deal"
        elif one.data.currency != known.get("currency"):  # type: ignore[union-attr]
            why = "refund in another currency"
        else:
            why = "refund of more than is left" if amount > max(0, left) else ""
            left = max(0, left - amount)
        if why:
            facts[LeftOut(subject, subject, one.occurred_at, on(one.occurred_at, definition.zone), why, one.source, one.id)] += 1
    for one in history:
        if one.type == "refund" and one.key in unsaid:
            facts[LeftOut(subject, subject, one.occurred_at, on(one.occurred_at, definition.zone), "sent again", one.source, one.id)] += 1
    return facts


def sent_again(touches: Iterable[Touchpoint], key: Callable[[Any], Any]) -> set[Key]:
    """All but the last stated, else the earliest, of those with one key."""
    by: dict[Any, list[Touchpoint]] = defaultdict(list)
    for touch in touches:
        if key(touch.data) is not None:
            by[key(touch.data)].append(touch)
    found: set[Key] = set()
    for those in by.values():
        stated = [touch for touch in those if when_stated(touch) is not None]
        if stated:
            counts = max(stated, key=lambda one: (when_stated(one), one.source, one.id, one.subject))
        else:
            counts = min(those, key=lambda one: one.order)
        found |= {touch.key for touch in those if touch is not counts}
    return found


def orders(definition: Definition, subject: str, own: list[Touchpoint]) -> tuple[Counter[Fact], set[Key]]:
    """What a subject's orders and their refunds come to, and which of them count nowhere."""
    if subject.startswith(("user:", "anon:")):
        own = [touch for touch in own if not excluded(definition, touch.about)]
    else:
        own = [touch for touch in own if not touch.about.test]
    placed = [touch for touch in own if touch.type == "order_placed"]
    refunds = [touch for touch in own if touch.type == "refund" and touch.about.deal is None]
    again = sent_again(placed, named) | sent_again(refunds, lambda data: None if data.refund is None else (named(data), data.refund))
    facts: Counter[Fact] = Counter()
    for touch in own:
        if touch.key in again:
            facts[
                LeftOut(
                    subject,
                    f"order:{named(touch.data)}",
                    touch.occurred_at,
                    on(touch.occurred_at, definition.zone),
                    "sent again",
                    touch.source,
                    touch.id,
                )
            ] += 1
    by = {named(touch.data): touch for touch in placed if touch.key not in again}
    left: dict[str, int] = {}
    for name, touch in by.items():
        data: Any = touch.data
        left[name] = data.minor("amount")
        at = touch.occurred_at
        facts[Ordered(subject, name, at, on(at, definition.zone), data.currency, left[name], touch.about.products)] += 1
    for touch in refunds:
        if touch.key in again:
            continue
        data, name = touch.data, named(touch.data)
        order, why = by.get(name), ""
        if order is None:
            why = "refund without its order"
        elif order.data.currency != data.currency:  # type: ignore[union-attr]
            why = "refund in another currency"
        else:
            taken = min(data.minor("amount"), left[name])
            left[name] -= taken
            if taken:
                at = max(touch.occurred_at, order.occurred_at)
                facts[
                    Lowered(
                        subject,
                        name,
                        at,
                        on(at, definition.zone),
                        order.occurred_at,
                        on(order.occurred_at, definition.zone),
                        data.currency,
                        -taken,
                    )
                ] += 1
            why = "refund of more than is left" if taken < data.minor("amount") else ""
        if why:
            facts[
                LeftOut(subject, f"order:{name}", touch.occurred_at, on(touch.occurred_at, definition.zone), why, touch.source, touch.id)
            ] += 1
    return facts, again


def named(data: Any) -> str:
    name: str = data.order
    return name[1:] if len(name) > 1 and name.startswith("#") else name
