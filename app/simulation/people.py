"""The people of a simulated world, their devices, and the firms that they work for."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from app.simulation.calendar import SimulatedCalendar
from app.simulation.company import Company, Seller
from app.simulation.shares import deal_out
from journey.instants import HOUR, Instant

Role = Literal["visitor", "subscriber", "lead", "prospect", "contact"]

ROLES: tuple[tuple[Role, float], ...] = (
    ("visitor", 0.702),
    ("contact", 0.12),
    ("prospect", 0.10),
    ("subscriber", 0.05),
    ("lead", 0.028),
)
"""Who looks and leaves; who works at a customer; whom sales approaches; who reads our mail; who asks to be called."""

_COUNTRIES = ("DE", "AT", "CH", "NL", "FR", "GB", "JP")
_COUNTRY_WEIGHTS = (46, 9, 10, 12, 12, 8, 3)
_CURRENCIES = {"GB": "GBP", "JP": "JPY"}
_LANGUAGES = {"DE": "de", "AT": "de", "CH": "de", "NL": "nl", "FR": "fr", "GB": "en", "JP": "ja"}
_FIRST = (
    "Alder",
    "Birke",
    "Corvin",
    "Dahl",
    "Elbe",
    "Fjord",
    "Garten",
    "Hansa",
    "Isar",
    "Juno",
    "Kranich",
    "Linden",
    "Marek",
    "Nord",
    "Ostara",
    "Polar",
)
_SECOND = (
    "Logistics",
    "Foods",
    "Medical",
    "Energy",
    "Textil",
    "Robotics",
    "Bank",
    "Media",
    "Bau",
    "Chemie",
    "Travel",
    "Optik",
)
_INDUSTRIES = (
    "transport",
    "food",
    "health",
    "energy",
    "retail",
    "machinery",
    "finance",
    "media",
    "construction",
    "chemicals",
    "travel",
    "optics",
)
_TITLES = (
    ("Head of Operations", "head", "operations", "decision_maker"),
    ("Data Analyst", "staff", "data", "user"),
    ("Controller", "staff", "finance", "finance"),
    ("IT Manager", "manager", "it", "it"),
    ("Marketing Manager", "manager", "marketing", "champion"),
    ("Managing Director", "executive", "management", "decision_maker"),
)
_DEVICES = (1, 2, 3)
_DEVICE_WEIGHTS = (76, 20, 4)
_FIRM_SIZES = (2, 3, 4, 5, 6)
_EMPLOYEES = (12, 30, 55, 120, 260, 700, 2400)


@dataclass(slots=True, eq=False)
class Account:
    id: str
    name: str
    domain: str
    industry: str
    employees: int
    country: str
    currency: str
    owner: Seller
    people: "list[SimulatedPerson]" = field(default_factory=list)

    @property
    def subject(self) -> str:
        return f"account:{self.id}"


@dataclass(slots=True, eq=False)
class SimulatedPerson:
    """`user` is only used once the person has left a name; `linked` are the devices that are known to be theirs."""

    user: str
    devices: list[str]
    role: Role
    country: str
    title: str
    seniority: str
    department: str
    part: str
    account: Account | None = None
    known_at: Instant | None = None
    linked: set[str] = field(default_factory=set)

    @property
    def language(self) -> str:
        return _LANGUAGES[self.country]


@dataclass(slots=True)
class Population:
    people: dict[Role, list[SimulatedPerson]]
    customers: list[Account]
    prospects: list[Account]


def populate(company: Company, rng: Random) -> Population:
    people: dict[Role, list[SimulatedPerson]] = {role: [] for role, _ in ROLES}
    for number, role in enumerate(deal_out(company.customers, ROLES, rng)):
        people[role].append(_person(number, role, rng))
    accounts = 0
    firms: dict[Role, list[Account]] = {"contact": [], "prospect": []}
    for role, found in firms.items():
        waiting = people[role]
        taken = 0
        while taken < len(waiting):
            accounts += 1
            account = _account(accounts, company, rng)
            size = rng.choice(_FIRM_SIZES)
            for person in waiting[taken : taken + size]:
                join(person, account)
            taken += size
            found.append(account)
    for person in people["lead"]:
        accounts += 1
        join(person, _account(accounts, company, rng))
    return Population(people, customers=firms["contact"], prospects=firms["prospect"])


def join(person: SimulatedPerson, account: Account) -> None:
    """`person` works at `account`, and lives where it is."""
    person.account = account
    person.country = account.country
    account.people.append(person)


def _person(number: int, role: Role, rng: Random) -> SimulatedPerson:
    title, seniority, department, part = rng.choice(_TITLES)
    devices = [f"anon:{rng.getrandbits(48):012x}" for _ in range(rng.choices(_DEVICES, _DEVICE_WEIGHTS)[0])]
    country = rng.choices(_COUNTRIES, _COUNTRY_WEIGHTS)[0]
    return SimulatedPerson(f"user:{1000 + number}", devices, role, country, title, seniority, department, part)


def _account(number: int, company: Company, rng: Random) -> Account:
    first, kind = rng.choice(_FIRST), rng.randrange(len(_SECOND))
    country = rng.choices(_COUNTRIES, _COUNTRY_WEIGHTS)[0]
    return Account(
        id=f"a{number}",
        name=f"{first} {_SECOND[kind]} {number}",
        domain=f"{first.lower()}-{_SECOND[kind].lower()}-{number}.example",
        industry=_INDUSTRIES[kind],
        employees=rng.choice(_EMPLOYEES) + rng.randrange(10),
        country=country,
        currency=_CURRENCIES.get(country, "EUR"),
        owner=company.seller(rng),
    )


def first_days(calendar: SimulatedCalendar, rng: Random) -> Instant:
    """When the CRM tells of those it knew before: in the first two hours of one of the first days."""
    return calendar.midnight(rng.randrange(min(2, calendar.days))) + int(rng.random() * 2 * HOUR)
