"""Marketing's numbers worked out row by row, as figures do not: audience and demand, the funnel, what conversions are credited to."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from journey.definition import Definition
from journey.facts import Touch
from journey.instants import Instant, day
from projections.read_model import Ask, ReadStore
from tests.projections.by_hand import Asked, Money, StageRow, add, asked, cut, ratio, stages

NO_TOUCH = "(no touch)"
"""Where conversions are credited that no touch came before."""


@dataclass(slots=True)
class Credit:
    """Conversions credited to the first and to the last touch before them."""

    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Audience:
    """`people` are distinct: they do not add up over channels, campaigns or days."""

    name: str
    touchpoints: int = 0
    people: int = 0
    new_leads: int = 0
    credit: Credit = field(default_factory=Credit)
    spend: Money = field(default_factory=dict)


@dataclass(slots=True)
class ConversionRow:
    """`customers`: whether who has one is a customer. `value` is of won deals and matched touchpoints, as of `until`,
    less what was paid back by then."""

    conversion: str
    number: int
    people: int
    customers: bool
    value: Money


@dataclass(slots=True)
class DayRow:
    day: str
    touchpoints: int = 0
    people: int = 0
    new_leads: int = 0


@dataclass(slots=True)
class LeftOutRow:
    """Orders and refunds that are in no figure, or not with all of their amount."""

    why: str
    number: int
    of: str
    """One of them: what it is about."""


@dataclass(slots=True)
class MarketingReport:
    asked: Asked
    people: int
    touchpoints: int
    new_leads: int
    buyers: int
    visit_to_lead: float | None
    spend: Money
    stages: list[StageRow]
    channels: list[Audience]
    campaigns: list[Audience]
    conversions: list[ConversionRow]
    days: list[DayRow]
    left_out: list[LeftOutRow]


async def report(store: ReadStore, definition: Definition, until: Instant) -> MarketingReport:
    """Everything dated up to `until`, which is cut to the end of a day."""
    async with store.snapshot() as ask:
        return await of(ask, definition, until)


async def of(ask: Ask, definition: Definition, until: Instant) -> MarketingReport:
    """The report of one state of the read model."""
    until = cut(until, definition.zone)
    today = day(until, definition.zone)
    ((position,),) = await ask("SELECT position FROM reflects")
    named, aliases = await _campaigns(ask, until)

    def campaign_of(name: str) -> str:
        return name if name in named else aliases.get(name.casefold(), name)

    channels, campaigns, days = await _audience(ask, today, campaign_of)
    leads = await _new_leads(ask, until, definition.zone, campaign_of, channels, campaigns, days)
    conversions = await _conversions(ask, definition, until)
    spend = await _spend(ask, today, campaign_of, channels, campaigns)
    ((touchpoints,),) = await ask("SELECT COALESCE(SUM(n), 0) FROM touched WHERE day <= ?", today)
    visitors = {person for (person,) in await ask("SELECT DISTINCT person FROM touched WHERE day <= ?", today)}
    funnel = await stages(ask, until, definition.stage_names)
    _credit(conversions, channels, lambda touch: touch.channel)
    _credit(conversions, campaigns, lambda touch: campaign_of(touch.campaign))
    customer_kinds = {one.name for one in definition.attribution.conversions if one.customer}
    for campaign in campaigns.values():
        campaign.name = named.get(campaign.name, campaign.name)
    return MarketingReport(
        asked=asked(until, definition.zone, position),
        people=len(visitors),
        touchpoints=int(touchpoints),
        new_leads=len(leads),
        buyers=len({person for one in conversions if one.conversion in customer_kinds for person in one.people}),
        visit_to_lead=ratio(len(visitors.intersection(leads)), len(visitors)),
        spend=spend,
        stages=funnel,
        channels=_largest(channels),
        campaigns=_largest(campaigns),
        conversions=_by_kind(definition, conversions),
        days=[days[one] for one in sorted(days)],
        left_out=await _left_out(ask, until),
    )


async def _audience(
    ask: Ask, today: str, campaign_of: Callable[[str], str]
) -> tuple[dict[str, Audience], dict[str, Audience], dict[str, DayRow]]:
    channels: dict[str, Audience] = {}
    for name, people, touchpoints in await ask(
        "SELECT channel, COUNT(DISTINCT person), SUM(n) FROM touched WHERE day <= ? GROUP BY channel", today
    ):
        channels[name] = Audience(name, int(touchpoints), people)
    days: dict[str, DayRow] = {}
    for on, people, touchpoints in await ask("SELECT day, COUNT(DISTINCT person), SUM(n) FROM touched WHERE day <= ? GROUP BY day", today):
        days[on] = DayRow(on, int(touchpoints), people)
    # A person seen under two names of one campaign is one person of it, so these are counted here.
    campaigns: dict[str, Audience] = {}
    seen: set[tuple[str, str]] = set()
    for name, person, touchpoints in await ask(
        "SELECT campaign, person, SUM(n) FROM touched WHERE day <= ? GROUP BY campaign, person", today
    ):
        campaign = campaign_of(name)
        audience = campaigns.setdefault(campaign, Audience(campaign))
        audience.touchpoints += int(touchpoints)
        audience.people += (campaign, person) not in seen
        seen.add((campaign, person))
    return channels, campaigns, days


async def _new_leads(
    ask: Ask,
    until: Instant,
    zone: str,
    campaign_of: Callable[[str], str],
    channels: dict[str, Audience],
    campaigns: dict[str, Audience],
    days: dict[str, DayRow],
) -> list[str]:
    """Count lead cycles where they were created. Returns the person of each."""
    people = []
    for person, at, channel, name in await ask("SELECT person, at, channel, campaign FROM leads WHERE step = 'created' AND at <= ?", until):
        people.append(person)
        campaign = campaign_of(name)
        channels.setdefault(channel, Audience(channel)).new_leads += 1
        campaigns.setdefault(campaign, Audience(campaign)).new_leads += 1
        on = day(at, zone)
        days.setdefault(on, DayRow(on)).new_leads += 1
    return people


class Conversion(NamedTuple):
    """One success, once, whoever of the people of a deal it is read from: their touches in order."""

    conversion: str
    people: tuple[str, ...]
    path: tuple[Touch, ...]
    amount_minor: int
    currency: str


async def _conversions(ask: Ask, definition: Definition, until: Instant) -> list[Conversion]:
    """What was achieved up to `until`. A deal counts once, while its last close is a win, with the touches of all its people."""
    by_kind = {one.name: one for one in definition.attribution.conversions}
    won = await _won(ask, until)
    lowered = await _lowered(ask, until)
    deals: dict[tuple[str, str], list[tuple[str, int, list[Touch]]]] = defaultdict(list)
    found: list[Conversion] = []
    paths: dict[tuple[Any, ...], list[Touch]] = defaultdict(list)
    for person, conversion, of, at, *touch in await ask(
        "SELECT person, conversion, of_what, at, touched_at, type, channel, campaign, content FROM paths WHERE at <= ?"
        " ORDER BY conversion, of_what, at, person, place",
        until,
    ):
        paths[person, conversion, of, at].append(Touch(*touch))
    rows = await ask(
        "SELECT person, conversion, of_what, at, is_primary, amount_minor, currency, n FROM conversions WHERE at <= ?"
        " ORDER BY conversion, of_what, at, person",
        until,
    )
    for person, conversion, of, at, primary, amount_minor, currency, n in rows:
        kind = by_kind.get(conversion)
        touches = paths[person, conversion, of, at]
        if kind is not None and kind.deal is not None:
            if of in won and won[of][0] == at:
                deals[conversion, of].append((person, primary, touches))
        else:
            worth = amount_minor + lowered.get((person, of), 0)
            found.extend([Conversion(conversion, (person,), tuple(touches), worth, currency)] * n)
    # Also those that name nobody: marketing counts every deal that sales does.
    for conversion, of in [(kind.name, of) for kind in by_kind.values() if kind.deal == "won" for of in won]:
        takers = deals[conversion, of]
        chosen = [taker for taker in takers if taker[1]] if definition.attribution.people == "primary" else takers
        # Of one instant, a person's touches stay in the order of the history.
        touches = sorted((touch for _, _, path in chosen or takers for touch in path), key=lambda touch: touch.touched_at)
        _, amount_minor, currency = won[of]
        found.append(Conversion(conversion, tuple(person for person, _, _ in takers), tuple(touches), amount_minor, currency))
    return found


async def _won(ask: Ask, until: Instant) -> dict[str, tuple[Instant, int, str]]:
    """Deals that stand as won at `until`: when they were closed, and their value."""
    last: dict[str, tuple[str, Instant, int, str]] = {}
    rows = await ask("SELECT deal, outcome, closed_at, amount_minor, currency FROM deals WHERE at <= ? ORDER BY deal, at, nth", until)
    for deal, outcome, closed_at, amount_minor, currency in rows:
        last[deal.removeprefix("deal:")] = (outcome, closed_at, amount_minor, currency)
    return {deal: (closed_at, amount, currency) for deal, (outcome, closed_at, amount, currency) in last.items() if outcome == "won"}


async def _lowered(ask: Ask, until: Instant) -> dict[tuple[str, str], int]:
    """What refunds up to `until` have taken of orders, by whose they are and by order:…, as conversions name them."""
    taken: Counter[tuple[str, str]] = Counter()
    for subject, order, amount_minor in await ask("SELECT subject, order_id, amount_minor FROM lowered WHERE at <= ?", until):
        taken[subject, f"order:{order}"] += int(amount_minor)
    return taken


async def _left_out(ask: Ask, until: Instant) -> list[LeftOutRow]:
    rows = await ask("SELECT why, SUM(n), MIN(of_what) FROM left_out WHERE at <= ? GROUP BY why", until)
    return [LeftOutRow(why, int(number), of) for why, number, of in sorted(rows)]


def _credit(conversions: list[Conversion], audiences: dict[str, Audience], name: Callable[[Touch], str]) -> None:
    for one in conversions:
        for touch, which in ((one.path[0], "first"), (one.path[-1], "last")) if one.path else ((None, "first"), (None, "last")):
            where = NO_TOUCH if touch is None else name(touch)
            credit = getattr(audiences.setdefault(where, Audience(where)).credit, which)
            credit[one.conversion] = credit.get(one.conversion, 0) + 1


def _by_kind(definition: Definition, conversions: list[Conversion]) -> list[ConversionRow]:
    rows = []
    for kind in definition.attribution.conversions:
        of_kind = [one for one in conversions if one.conversion == kind.name]
        value: Money = {}
        for one in of_kind:
            if one.currency:
                add(value, one.currency, one.amount_minor)
        people = {person for one in of_kind for person in one.people}
        rows.append(ConversionRow(kind.name, len(of_kind), len(people), kind.customer, value))
    return rows


async def _spend(
    ask: Ask, today: str, campaign_of: Callable[[str], str], channels: dict[str, Audience], campaigns: dict[str, Audience]
) -> Money:
    """Add what was spent to the campaigns, and to the channels that it states. Returns the sum."""
    total: Money = {}
    spent: Counter[tuple[str, str, str]] = Counter()
    # Added up here: a database's own sum is not exact at any size in SQLite.
    for name, channel, currency, amount_minor in await ask(
        "SELECT campaign, channel, currency, amount_minor FROM spend WHERE day <= ?", today
    ):
        spent[name, channel, currency] += int(amount_minor)
    for (name, channel, currency), amount_minor in sorted(spent.items()):
        campaign = campaign_of(name)
        add(campaigns.setdefault(campaign, Audience(campaign)).spend, currency, amount_minor)
        if channel:
            add(channels.setdefault(channel, Audience(channel)).spend, currency, amount_minor)
        add(total, currency, amount_minor)
    return total


async def _campaigns(ask: Ask, until: Instant) -> tuple[dict[str, str], dict[str, str]]:
    """What campaigns are called, and which campaign a name is an alias of, as last stated up to `until`."""
    said: dict[tuple[str, str], str] = {}
    rows = await ask(
        "SELECT subject, field, value FROM described WHERE field IN ('name', 'aliases') AND at <= ? ORDER BY subject, at, nth", until
    )
    for subject, field_name, value in rows:
        if subject.startswith("campaign:"):
            said[subject.removeprefix("campaign:"), field_name] = value
    names = {campaign: value for (campaign, field_name), value in said.items() if field_name == "name"}
    aliases = {
        alias.casefold(): campaign
        for (campaign, field_name), value in sorted(said.items())
        if field_name == "aliases"
        for alias in json.loads(value)
    }
    return names, aliases


def _largest(audiences: dict[str, Audience]) -> list[Audience]:
    return sorted(audiences.values(), key=lambda one: (-one.touchpoints, one.name))
