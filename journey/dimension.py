"""The fold of what people's touchpoints refer to: a campaign, a piece of content, an account, the company itself.

A statement replaces the one before under its key, for all instants; a described field holds from its instant on.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from journey.channels import BLANK
from journey.definition import Definition
from journey.facts import Described, Fact, Facts, Spent
from journey.histories import is_for_members
from journey.identity import Id
from journey.instants import Instant, day
from journey.money import share
from journey.orders import NEVER_SENT, PAID, Orders, left_out, sent_again
from journey.touchpoints import (
    AccountJoined,
    AccountUpdated,
    CampaignEnded,
    CampaignLaunched,
    ContentPublished,
    Key,
    Order,
    SpendRecorded,
    Touchpoint,
    is_statement,
    statement_of,
)

Version = tuple[Instant, str, str]


class Statement(NamedTuple):
    """What counts under a key: its version, the facts that it asserts, and since when anything was stated under the key."""

    version: Version
    facts: tuple[Fact, ...]
    since: Instant


@dataclass(slots=True)
class DimensionJourney:
    """The statements that count, by key."""

    subject: str
    seen: Order | None = None
    statements: dict[tuple[str, ...], Statement] = field(default_factory=dict)
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


def derive(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> tuple[DimensionJourney, Facts]:
    """The journey of a whole history, in order, and all the facts that it asserts."""
    return _folded(definition, DimensionJourney(subject=subject), history, sent_again(_orders(history)))


def advance(definition: Definition, journey: DimensionJourney, touches: Sequence[Touchpoint]) -> tuple[DimensionJourney, Facts]:
    """`journey` after `touches`, which are in order and later than those in it; and the signed facts that this changes."""
    silent = goes_on(journey, touches)
    assert silent is not None, f"{journey.subject} has to be derived"
    return _folded(definition, journey, touches, silent)


def goes_on(journey: DimensionJourney, touches: Sequence[Touchpoint]) -> Mapping[Key, str] | None:
    """Which of `touches`, all later than those in `journey`, count nowhere. None: it is to be derived from its history."""
    return journey.orders.onward(_orders(touches))


def _orders(touches: Sequence[Touchpoint]) -> Iterator[Touchpoint]:
    return (touch for touch in touches if isinstance(touch.data, PAID) and not touch.about.test)


def _folded(
    definition: Definition, journey: DimensionJourney, touches: Sequence[Touchpoint], silent: Mapping[Key, str]
) -> tuple[DimensionJourney, Facts]:
    after = DimensionJourney(
        journey.subject, journey.seen, dict(journey.statements), journey.described_at, journey.described, journey.orders.copied(),
        set(journey.joined), journey.is_updated,
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
        if touch.about.test:
            continue
        if isinstance(touch.data, PAID):
            for fact, count in after.orders.after(after.subject, touch, zone):
                facts[fact] += count
            continue
        if not is_statement(type(touch.data)):
            facts.update(_described(after, touch, zone))
            continue
        key, version = statement_of(touch)
        before = after.statements.get(key)
        if before is None or version > before.version:
            since = touch.occurred_at if before is None else before.since
            stated = Statement(version, tuple(_stated(after.subject, touch, since, zone)), since)
            after.statements[key] = stated
            facts.update(stated.facts)
            if before is not None:
                facts.subtract(before.facts)
    after.orders.bound()
    return after, Counter({fact: count for fact, count in facts.items() if count})


def _stated(subject: str, touch: Touchpoint, at: Instant, zone: str) -> Iterator[Fact]:
    """What a statement asserts, as long as it counts. What it describes holds from `at`, when its key was first stated: to restate
    is to say how it always was."""
    data, about = touch.data, touch.about
    match data:
        case SpendRecorded():
            campaign = about.campaign or (subject.removeprefix("campaign:") if subject.startswith("campaign:") else "")
            days = (data.period_end - data.period_start).days + 1
            amount_minor = data.minor("amount") or 0
            channel = BLANK if about.channel == "" else about.channel or ""
            for offset, part in enumerate(share(amount_minor, [1] * days)):
                if part:
                    yield Spent(
                        (data.period_start + timedelta(days=offset)).isoformat(), campaign, channel, data.function, data.kind,
                        data.provider or touch.source, data.currency, part,
                    )  # fmt: skip
        case CampaignLaunched():
            fields = {"name": data.name, "objective": data.objective, "start_on": data.start_on.isoformat()}
            fields |= {"channels": listed(data.channels), "aliases": listed(data.aliases), "topics": listed(data.topics)}
            for nth, (name, value) in enumerate(fields.items()):
                yield Described(subject, name, at, day(at, zone), nth, value)
        case ContentPublished():
            fields = {"title": data.title, "format": data.format, "topics": listed(data.topics), "answers": listed(data.answers)}
            for nth, (name, value) in enumerate(fields.items()):
                yield Described(subject, name, at, day(at, zone), nth, value)
        case _:
            return


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
        journey.described = journey.described + 1 if journey.described_at == at else 0
        journey.described_at = at
        yield Described(journey.subject, name, at, day(at, zone), journey.described, value)


def listed(names: Sequence[str]) -> str:
    """Several names as the value of one field: a JSON array, since a name may hold any character."""
    return json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))


_ACCOUNT = frozenset({"name", "domain", "industry", "employees", "revenue_band", "tier", "country", "owner", "team"})
