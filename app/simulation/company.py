"""The company that is simulated: who sells, what is sold, what is published, which campaigns run when."""

from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from app.simulation.calendar import SimulatedCalendar

TOPICS = ("pricing", "integration", "security", "onboarding", "reporting", "performance", "support", "migration")
COMPETITORS = ("northbeam", "altiva", "quorvex")
PLANS = (("starter", 19_000), ("team", 49_000), ("business", 120_000), ("enterprise", 290_000))
"""Plans with their price for a month, in cents."""
PRODUCTS = ("platform", "analytics", "connectors", "training")
EUROS_PER = {"EUR": "1", "GBP": "1.17", "JPY": "0.0062"}
UNITS_PER_CENT = {"EUR": 1.0, "GBP": 0.85, "JPY": 1.6}
"""Minor units of a currency that one cent of ours is worth."""

FIELD_TEAMS = ("sales-dach", "sales-west")
INSIDE_TEAM = "inside-sales"
PEOPLE_PER_SELLER = 300
SELLERS_MAX = 40


@dataclass(frozen=True, slots=True)
class Seller:
    id: str
    team: str
    manager: str


@dataclass(frozen=True, slots=True)
class Content:
    id: str
    title: str
    format: str
    topics: tuple[str, ...]
    answers: tuple[str, ...]
    stage: str
    published_day: int

    @property
    def subject(self) -> str:
        return f"content:{self.id}"


@dataclass(frozen=True, slots=True)
class Campaign:
    """`first` and `last` are days, both played; `budget_share` is its part of all media spend while it runs."""

    id: str
    channel: str
    provider: str
    utm: tuple[str, str, str]  # source, medium, campaign
    platform_id: str
    objective: str
    first: int
    last: int
    budget_share: float
    draw: float  # how much busier the site is while it runs

    @property
    def subject(self) -> str:
        return f"campaign:{self.id}"

    @property
    def name(self) -> str:
        return self.id.replace("-", " ").capitalize()


_FORMATS = (
    ("article", "What to know about {}", "awareness"),
    ("guide", "The practical guide to {}", "consideration"),
    ("case-study", "How three firms handle {}", "decision"),
)

# id, channel, provider, (utm source, medium, campaign), objective, from, to (parts of the time played), budget, draw
_CAMPAIGNS = (
    ("search-brand", "Paid Search", "google", ("google", "cpc", "Search_Brand"), "demand", 0, 1, 0.10, 0),
    ("search-generic", "Paid Search", "google", ("google", "cpc", "Search_Generic"), "demand", 0, 1, 0.30, 0),
    ("search-bing", "Paid Search", "bing", ("bing", "cpc", "bing-generic"), "demand", 0.1, 0.9, 0.05, 0),
    ("deciders", "Paid Social", "linkedin", ("linkedin", "paid_social", "li_deciders"), "demand", 0, 1, 0.20, 0),
    ("come-back", "Paid Social", "meta", ("facebook", "paid_social", "fb_retargeting"), "demand", 0.3, 0.8, 0.06, 0),
    ("be-known", "Display", "dv360", ("dv360", "display", "awareness_h1"), "awareness", 0, 0.6, 0.09, 0),
    ("spring-launch", "Paid Social", "linkedin", ("linkedin", "paid_social", "Spring"), "launch", 0.2, 0.3, 0.5, 0.7),
    ("spring-banner", "Display", "dv360", ("dv360", "display", "spring_banner"), "launch", 0.2, 0.3, 0.2, 0.2),
    ("fair-price", "Paid Search", "google", ("google", "cpc", "Fair_Price"), "demand", 0.55, 0.63, 0.4, 0.5),
    ("partners", "Affiliates", "partnerhub", ("partnerhub", "affiliate", "partner_links"), "demand", 0, 1, 0.04, 0),
    ("newsletter", "Email", "mailer", ("newsletter", "email", "news"), "nurture", 0, 1, 0, 0),
    ("product-news", "Email", "mailer", ("product-news", "email", "product_news"), "retention", 0, 1, 0, 0),
    ("nurture", "Email", "mailer", ("nurture", "email", "after_first_form"), "nurture", 0, 1, 0, 0),
)


@dataclass(slots=True)
class Company:
    calendar: SimulatedCalendar
    customers: int
    sellers: list[Seller] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    _running: dict[str, list[list[Campaign]]] = field(default_factory=dict)
    _busy: list[float] = field(default_factory=list)

    @classmethod
    def founded(cls, calendar: SimulatedCalendar, customers: int, rng: Random) -> "Company":
        company = cls(calendar, customers)
        count = min(SELLERS_MAX, 4 + customers // PEOPLE_PER_SELLER)
        for n in range(count):
            team = INSIDE_TEAM if n % 3 == 2 else FIELD_TEAMS[n % 2]
            company.sellers.append(Seller(f"seller-{n + 1:02}", team, f"lead-{team}"))
        company._publish(rng)
        company._launch(rng)
        return company

    def _publish(self, rng: Random) -> None:
        # Nothing answers questions about migration: a gap for those who ask which content is missing.
        for n, topic in enumerate(TOPICS):
            for form, title, stage in _FORMATS:
                late = n % 3 == 1 and form != "article"
                day = rng.randrange(self.calendar.days) if late else 0
                topics = (topic,) if form == "article" else (topic, TOPICS[(n + 3) % len(TOPICS)])
                answers = () if topic == "migration" or form == "article" else (topic,)
                self.contents.append(Content(f"{form}-{topic}", title.format(topic), form, topics, answers, stage, day))
        self.contents.sort(key=lambda content: (content.published_day, content.id))

    def _launch(self, rng: Random) -> None:
        days = self.calendar.days
        for id, channel, provider, utm, objective, start, end, budget, draw in _CAMPAIGNS:
            first = int(start * days)
            last = max(first, int(end * days) - 1)
            platform_id = str(rng.randrange(10**9, 10**10))
            self.campaigns[id] = Campaign(id, channel, provider, utm, platform_id, objective, first, last, budget, draw)
        for campaign in self.campaigns.values():
            running = self._running.setdefault(campaign.channel, [[] for _ in range(days)])
            for day in range(campaign.first, campaign.last + 1):
                running[day].append(campaign)
        weights = []
        for day in range(days):
            draw = sum(campaign.draw for campaign in self.campaigns.values() if campaign.first <= day <= campaign.last)
            trend = 1 + 0.3 * day / days
            weights.append((1 if self.calendar.is_workday(day) else 0.35) * trend * (1 + draw))
        self._busy = list(accumulate(weights))

    def running(self, channel: str, day: int) -> list[Campaign]:
        """The campaigns of `channel` on `day`."""
        days = self._running.get(channel)
        return days[day] if days is not None and 0 <= day < len(days) else []

    def busy_day(self, rng: Random) -> int:
        """Some day, the likelier the more goes on: less at weekends, more while a campaign draws, slowly more."""
        return rng.choices(range(self.calendar.days), cum_weights=self._busy)[0]

    def published(self, day: int) -> int:
        """How many of `contents` are out on `day`; they stand in the order of publication."""
        count = 0
        for content in self.contents:
            if content.published_day > day:
                break
            count += 1
        return count

    def seller(self, rng: Random, *, inside: bool = False) -> Seller:
        return rng.choice([seller for seller in self.sellers if (seller.team == INSIDE_TEAM) is inside])


def in_currency(cents: int, currency: str) -> int:
    """About what `cents` are in minor units of `currency`."""
    return round(cents * UNITS_PER_CENT[currency])
