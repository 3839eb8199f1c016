"""Which statement of an order counts, and what refunds take of it. The same for a person and for an account.

A thank-you page is opened again, a shop and its pixel both report an order: it is one, by its id, whatever the source. Where statements
say when they were stated, that stated last counts, else the earliest. The others are as never sent. A refund is known by its order and
its own id, by the same rule; it takes effect at the later of its own and its order's date, by at most what is left of the order.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from journey.facts import Fact, LeftOut, Lowered, Ordered
from journey.instants import Instant, day
from journey.touchpoints import Key, OrderPlaced, Refund, Touchpoint, stated_at

PAID = (OrderPlaced, Refund)
"""The types that this is about. A tuple: asked of every touchpoint, and a union costs more."""

NEVER_SENT = ""
"""What stands for the outcome of a touchpoint that counts nowhere."""

ORDERS_MAX = 500
"""Orders that are remembered of one subject; what is about an older one is worked out from the whole history."""

AGAIN, NO_ORDER, NO_DEAL, OTHER_CURRENCY, TOO_MUCH = (
    "sent again", "refund without its order", "refund without its deal", "refund in another currency", "refund of more than is left",
)  # fmt: skip

Version = tuple[Instant, str, str, str] | None
"""Which of several statements it is: when it was stated, and by which touchpoint. None: it does not say when, and the earliest counts."""


class Waiting(NamedTuple):
    """A refund whose order is not there yet."""

    at: Instant
    source: str
    id: str
    currency: str
    amount_minor: int


@dataclass(slots=True)
class OrderStanding:
    """How an order stands: placed, or only paid back so far (`currency` is "")."""

    version: Version = None
    at: Instant = 0
    currency: str = ""
    left_minor: int = 0
    refunds: dict[str, Version] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    def copied(self) -> "OrderStanding":
        return OrderStanding(self.version, self.at, self.currency, self.left_minor, self.refunds.copy(), self.waiting.copy())


@dataclass(slots=True)
class Orders:
    """The orders of a subject by their ids. `cut`: there were more than are remembered."""

    known: dict[str, OrderStanding] = field(default_factory=dict)
    cut: bool = False

    def copied(self) -> "Orders":
        return Orders({order: one.copied() for order, one in self.known.items()}, self.cut)

    def bound(self) -> None:
        for order in list(self.known)[: max(0, len(self.known) - ORDERS_MAX)]:
            del self.known[order]
            self.cut = True

    def after(self, subject: str, touch: Touchpoint, zone: str) -> Iterator[tuple[Fact, int]]:
        """Take in a touchpoint that counts. Yields the signed facts that this changes."""
        data, at = touch.data, touch.occurred_at
        match data:
            case OrderPlaced():
                order = order_of(data)
                one = self.known.setdefault(order, OrderStanding())
                one.version, one.at, one.currency, one.left_minor = version_of(touch), at, data.currency, data.minor("amount") or 0
                yield Ordered(subject, order, at, day(at, zone), data.currency, one.left_minor, touch.about.products), 1
                for refund in one.waiting:
                    of, on = f"order:{order}", day(refund.at, zone)
                    yield LeftOut(subject, of, refund.at, on, NO_ORDER, refund.source, refund.id), -1
                    yield from _lowered(subject, order, one, refund, zone)
                one.waiting = []
            case Refund() if data.order is not None and data.deal is None:
                order = order_of(data)
                one = self.known.setdefault(order, OrderStanding())
                if data.refund is not None:
                    one.refunds[data.refund] = version_of(touch)
                refund = Waiting(at, touch.source, touch.id, data.currency, data.minor("amount") or 0)
                if one.currency:
                    yield from _lowered(subject, order, one, refund, zone)
                else:
                    one.waiting.append(refund)
                    yield LeftOut(subject, f"order:{order}", at, day(at, zone), NO_ORDER, touch.source, touch.id), 1
            case _:
                return

    def onward(self, touches: Iterable[Touchpoint]) -> dict[Key, str] | None:
        """Which of `touches` count nowhere: all in order, of the subject's own, and later than those taken in. None where one of them
        may count instead of one before it, or that is not known: then the subject is to be derived from its history."""
        silent: dict[Key, str] = {}
        here: dict[tuple[str, ...], Version] = {}
        for touch in touches:
            data = touch.data
            if not isinstance(data, PAID) or data.order is None:
                continue
            order = self.known.get(order_of(data))
            if order is None and self.cut:
                return None
            key = key_of(touch)
            if key is None:
                continue
            version, before = version_of(touch), here.get(key, NOT_THERE)
            if before is NOT_THERE and order is not None:
                before = order.refunds.get(key[2], NOT_THERE) if len(key) > 2 else order.version if order.currency else NOT_THERE
            if before is NOT_THERE:
                here[key] = version
            elif replaces(version, before):
                return None
            else:
                silent[touch.key] = NEVER_SENT
        return silent


NOT_THERE: Version = (-1, "", "", "")


def _lowered(subject: str, order: str, one: OrderStanding, refund: Waiting, zone: str) -> Iterator[tuple[Fact, int]]:
    of, on = f"order:{order}", day(refund.at, zone)
    if refund.currency != one.currency:
        yield LeftOut(subject, of, refund.at, on, OTHER_CURRENCY, refund.source, refund.id), 1
        return
    taken = max(0, min(refund.amount_minor, one.left_minor))
    one.left_minor -= taken
    if taken:
        at = max(refund.at, one.at)
        yield Lowered(subject, order, at, day(at, zone), one.at, day(one.at, zone), one.currency, -taken), 1
    if taken < refund.amount_minor:
        yield LeftOut(subject, of, refund.at, on, TOO_MUCH, refund.source, refund.id), 1


def sent_again(own: Iterable[Touchpoint]) -> dict[Key, str]:
    """Of a subject's own touchpoints, in order: those that count nowhere, since another statement of the same counts."""
    return {touch.key: NEVER_SENT for touch in again(own, key_of)}


def left_out(subject: str, touch: Touchpoint, zone: str) -> LeftOut | None:
    """What stands for a touchpoint of the subject's own that counts nowhere, if that is an order or a refund of one."""
    key = key_of(touch)
    if key is None:
        return None
    at = touch.occurred_at
    return LeftOut(subject, f"order:{key[1]}", at, day(at, zone), AGAIN, touch.source, touch.id)


def key_of(touch: Touchpoint) -> tuple[str, ...] | None:
    """What a statement of an order, or of a refund with an id, is known by; a refund without counts by itself."""
    match touch.data:
        case OrderPlaced() as data:
            return ("order", order_of(data))
        case Refund(refund=str(refund), order=str(), deal=None) as data:
            return ("refund", order_of(data), refund)
        case _:
            return None


def order_of(data: OrderPlaced | Refund) -> str:
    """The order's id. Shops show it with a # and send it without, or the other way round."""
    id = data.order or ""
    return id.removeprefix("#") or id


def version_of(touch: Touchpoint) -> Version:
    stated = stated_at(touch.data)
    return None if stated is None else (stated, touch.source, touch.id, touch.subject)


def replaces(version: Version, before: Version) -> bool:
    """Whether a later touchpoint with `version` counts instead of the one before it."""
    return version is not None and (before is None or version > before)


def again(touches: Iterable[Touchpoint], key: Callable[[Touchpoint], object]) -> Iterator[Touchpoint]:
    """Of `touches`, in order: all but the one that counts under each key. Those without a key count by themselves."""
    by: dict[object, list[Touchpoint]] = defaultdict(list)
    for touch in touches:
        found = key(touch)
        if found is not None:
            by[found].append(touch)
    for those in by.values():
        if len(those) > 1:
            counts = _counting(those)
            yield from (touch for touch in those if touch is not counts)


def _counting(those: Sequence[Touchpoint]) -> Touchpoint:
    """That stated last, else the earliest."""
    found = those[0]
    for touch in those[1:]:
        if replaces(version_of(touch), version_of(found)):
            found = touch
    return found
