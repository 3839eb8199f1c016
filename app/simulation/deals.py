"""Which deals there will be: of whom, of what kind, when they open, when and how they end. How they go: `selling`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from app.simulation.calendar import instant_between
from app.simulation.company import Company, Seller, in_currency
from app.simulation.leads import Qualified
from app.simulation.people import Account, Population, SimulatedPerson
from app.simulation.shares import deal_out
from journey.instants import DAY, HOUR, Instant

Kind = Literal["new", "expansion", "renewal"]
Outcome = Literal["won", "lost", "abandoned", "open"]

PEOPLE_PER_DEAL = 40
EXISTING_SHARE = 0.36
RENEWAL_SHARE = 0.35
PEOPLE_ON_DEAL_MAX = 4

OUTCOMES: dict[Kind, tuple[tuple[Outcome, float], ...]] = {
    "new": (("won", 0.15), ("lost", 0.67), ("abandoned", 0.06), ("open", 0.12)),
    "expansion": (("won", 0.26), ("lost", 0.54), ("abandoned", 0.05), ("open", 0.15)),
    "renewal": (("won", 0.42), ("lost", 0.45), ("abandoned", 0.0), ("open", 0.13)),
}
"""Together about 24 won of 100 that were won or lost."""

_DAYS = {"won": (22, 110, 46), "lost": (9, 110, 34), "abandoned": (40, 120, 70), "open": (30, 120, 70)}
"""How long a deal is open, by its outcome: least, most, most often."""

_CENTS: dict[Kind, tuple[int, int, int]] = {
    "new": (600_000, 9_000_000, 1_500_000),
    "expansion": (200_000, 4_000_000, 600_000),
    "renewal": (300_000, 5_000_000, 900_000),
}


@dataclass(frozen=True, slots=True)
class SimulatedDeal:
    """`closes` may lie beyond what is played: then it stays open. The first of `people` is the primary one."""

    id: str
    kind: Kind
    origin: Literal["lead", "outbound", "referral", "account"]
    outcome: Outcome
    opened: Instant
    closes: Instant
    amount_minor: int
    account: Account
    people: tuple[SimulatedPerson, ...]
    owner: Seller
    lead: str | None = None
    referred_by: str | None = None
    reopened: bool = False
    misread: bool = False  # closed by mistake, which is taken back

    @property
    def subject(self) -> str:
        return f"deal:{self.id}"

    @property
    def currency(self) -> str:
        return self.account.currency

    @property
    def pipeline(self) -> str:
        return "new_business" if self.kind == "new" else "expansion"


def plan(company: Company, population: Population, qualified: Sequence[Qualified], rng: Random) -> list[SimulatedDeal]:
    """About one deal for every forty people: of qualified leads, of firms that sales approached, of customers."""
    total = round(company.customers / PEOPLE_PER_DEAL)
    existing = rng.sample(population.customers, k=min(round(total * EXISTING_SHARE), len(population.customers)))
    renewals = round(len(existing) * RENEWAL_SHARE)
    taken = {each.account for each in qualified}
    free = [account for account in population.prospects if account not in taken]
    fresh = rng.sample(free, k=min(max(0, total - len(existing) - len(qualified)), len(free)))

    drafts: list[tuple[Kind, Account, Qualified | None]] = [("new", each.account, each) for each in qualified]
    drafts += [("new", account, None) for account in fresh]
    drafts += [("renewal" if n < renewals else "expansion", account, None) for n, account in enumerate(existing)]
    lots = {kind: iter(deal_out(sum(draft[0] == kind for draft in drafts), shares, rng)) for kind, shares in OUTCOMES.items()}

    deals = []
    for n, (kind, account, source) in enumerate(drafts):
        deal = _draft(f"d{1001 + n}", kind, account, next(lots[kind]), source, company, rng)
        if deal.origin == "outbound" and population.customers and rng.random() < 0.2:
            referrer = rng.choice(population.customers).people[0]
            deal = replace(deal, origin="referral", referred_by=referrer.user)
        deals.append(deal)
    return deals


def _draft(
    id: str, kind: Kind, account: Account, outcome: Outcome, source: Qualified | None, company: Company, rng: Random
) -> SimulatedDeal:
    calendar = company.calendar
    length = int(rng.triangular(*_DAYS[outcome]))
    if source is not None:
        opened = calendar.at_work(source.at + instant_between(HOUR, 4 * DAY, rng), rng)
        left = calendar.days - calendar.day(opened) - 4
        if outcome != "open" and left >= _DAYS[outcome][0]:
            length = min(length, left)
    else:
        opened = calendar.at_work(calendar.midnight(_opening_day(calendar.days, length, outcome, rng)), rng)
    closes = calendar.at_work(opened + length * DAY + instant_between(0, 8 * HOUR, rng), rng)
    if outcome == "open":
        closes = max(closes, calendar.ends)
    people = [source.person] if source is not None else []
    # At a customer, only who is there by then.
    others = [each for each in account.people if each not in people and (each.known_at or opened) <= opened]
    others = others or [each for each in account.people if each not in people]
    people += rng.sample(others, k=min(len(others), rng.randrange(1, PEOPLE_ON_DEAL_MAX)))
    cents = int(rng.triangular(*_CENTS[kind])) // 50_000 * 50_000
    return SimulatedDeal(
        id=id,
        kind=kind,
        origin="lead" if source is not None else "outbound" if kind == "new" else "account",
        outcome=outcome,
        opened=opened,
        closes=closes,
        amount_minor=in_currency(cents, account.currency) // 100 * 100,
        account=account,
        people=tuple(people),
        owner=source.owner if source is not None else account.owner,
        lead=source.lead if source is not None else None,
        reopened=outcome in ("won", "lost") and length > 25 and rng.random() < 0.06,
        misread=length > 25 and rng.random() < 0.04,
    )


def _opening_day(days: int, length: int, outcome: Outcome, rng: Random) -> int:
    """Early enough that a deal that ends does so while we watch; where the time played is too short, it stays open."""
    first = min(6, days // 4)
    if outcome == "open":
        return rng.randrange(max(first, days // 2), days) if days > 1 else 0
    last = days - length - 4
    return rng.randrange(first, last + 1) if last >= first else rng.randrange(first, days)
