"""`simulate`: a whole world from its arguments alone, so that the same arguments give the same bytes anywhere."""

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from random import Random

from app.simulation.calendar import SimulatedCalendar
from app.simulation.campaigns import Campaigns
from app.simulation.company import Company
from app.simulation.customers import Customers
from app.simulation.deals import plan
from app.simulation.feed import SimulatedFeed
from app.simulation.leads import Leads
from app.simulation.mail import Mail
from app.simulation.market import Market
from app.simulation.mistakes import Mistakes
from app.simulation.people import populate
from app.simulation.prospecting import Prospecting
from app.simulation.selling import Selling
from app.simulation.shop import Shop
from app.simulation.visitors import Visitors
from app.simulation.web import Web

CUSTOMERS_MAX = 1_000_000
DAYS_MAX = 3_660


def simulate(*, customers: int, days: int, seed: int, start: date) -> Iterator[bytes]:
    """CloudEvents, one JSON object each, in order of (time, source, id, subject), within `days` from `start` 00:00 UTC.

    `customers` is how many people there are. What is wrong with the arguments is said now, not at the first line.
    """
    if not 1 <= customers <= CUSTOMERS_MAX:
        raise ValueError(f"customers is {customers}; a world has 1 to {CUSTOMERS_MAX} people")
    if not 1 <= days <= DAYS_MAX:
        raise ValueError(f"days is {days}; a world is played for 1 to {DAYS_MAX} days")
    if not 1900 <= start.year <= 2200:
        raise ValueError(f"start is {start.isoformat()}; it has to lie in the years 1900 to 2200")
    return _play(customers, days, seed, start)


def _play(customers: int, days: int, seed: int, start: date) -> Iterator[bytes]:
    """Each part has a randomness of its own, so that a change of one leaves the others as they are."""

    def rng(part: str) -> Random:
        return Random(f"{seed}/{part}")

    calendar = SimulatedCalendar(start, days)
    company = Company.founded(calendar, customers, rng("company"))
    feed = SimulatedFeed(calendar, sha256(f"{customers}/{days}/{seed}/{calendar.date(0)}".encode()).hexdigest()[:6])
    population = populate(company, rng("people"))

    web = Web(feed, company, rng("web"))
    visitors = Visitors(feed, company, web, rng("visitors"))
    qualified = Leads(feed, company, web, visitors, rng("leads")).tell(population)
    visitors.tell(population)
    deals = plan(company, population, qualified, rng("deals"))
    Prospecting(feed, company, web, rng("prospecting")).tell(population, deals)
    selling = Selling(feed, company, rng("selling"))
    for deal in deals:
        selling.tell(deal)
    after = Customers(feed, company, Shop(feed, company, rng("shop")), rng("customers"))
    after.tell(population, deals)
    after.ask_all(population)
    Mail(feed, company, web, rng("mail")).tell(population)
    Campaigns(feed, company, rng("campaigns")).tell()
    Market(feed, company, rng("market")).tell()
    Mistakes(feed, company, web, rng("mistakes")).tell(population)
    yield from feed.lines()
