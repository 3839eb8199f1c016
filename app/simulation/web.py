"""Visits to the site: how people arrive, what they read, which forms they fill in, and when they leave their name."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import Campaign, Company
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import SimulatedPerson
from journey.instants import HOUR, MINUTE, SECOND, Instant

SITE = "https://www.tallyworks.example"

_CHANNELS = (
    "Organic Search",
    "Direct",
    "Paid Search",
    "Paid Social",
    "Referral",
    "Organic Social",
    "Display",
    "Affiliates",
)
_CHANNEL_WEIGHTS = tuple(accumulate((31, 24, 16, 9, 7, 6, 4, 3)))
_REFERRERS = {
    "Organic Search": (
        "https://www.google.com/",
        "https://www.google.com/",
        "https://www.bing.com/",
        "https://duckduckgo.com/",
    ),
    "Referral": (
        "https://blog.dataletter.example/tools",
        "https://www.softwarewatch.example/reporting",
        "https://forum.bi.example/t/812",
    ),
    "Organic Social": ("https://www.linkedin.com/", "https://www.facebook.com/", "https://www.youtube.com/"),
    "Paid Search": ("https://www.google.com/",),
    "Paid Social": ("https://www.linkedin.com/", "https://www.facebook.com/"),
    "Affiliates": ("https://partnerhub.example/out",),
}
_CLICK_IDS = {"google": "gclid", "bing": "msclkid", "meta": "fbclid", "linkedin": "li_fat_id"}
_TERMS = ("reporting software", "kpi dashboard", "bi tool for controllers", "tallyworks", "data integration")
_PLACEMENTS = ("feed", "story", "sidebar", "top")

_PAGES = (
    ("/", "Tallyworks"),
    ("/product", "Product"),
    ("/product/reporting", "Reporting"),
    ("/product/integrations", "Integrations"),
    ("/customers", "Customers"),
    ("/blog", "Blog"),
    ("/about", "About us"),
    ("/docs", "Documentation"),
    ("/pricing", "Pricing"),
    ("/security", "Security"),
)
_PAGE_WEIGHTS = tuple(accumulate((24, 16, 12, 8, 7, 14, 5, 8, 4, 2)))
_KEEN_WEIGHTS = tuple(accumulate((8, 10, 14, 12, 10, 3, 1, 6, 26, 10)))
_PAGE_COUNTS = (1, 2, 3, 4, 6)
_PAGE_COUNT_WEIGHTS = tuple(accumulate((46, 26, 14, 9, 5)))
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/134.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.3 Safari/605.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
)


class Web:
    def __init__(self, feed: SimulatedFeed, company: Company, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.rng = rng
        self._published = [company.published(day) for day in range(company.calendar.days)]
        self._sessions = 0

    def session(
        self,
        subject: str,
        at: Instant,
        *,
        campaign: Campaign | None = None,
        channel: str | None = None,
        keen: bool = False,
        pages: int | None = None,
        about: Data | None = None,
    ) -> Instant:
        """One visit from its arrival on; `about` is said of every page. Returns when it was over."""
        feed, rng = self.feed, self.rng
        # The story of a person may reach beyond the days that are played; its visits there are not made up.
        if not feed.calendar.opens <= at < feed.calendar.ends:
            return at + MINUTE
        self._sessions += 1
        name = f"s{self._sessions}"
        marks = self._arrive(subject, at, campaign, channel)
        weights = _KEEN_WEIGHTS if keen else _PAGE_WEIGHTS
        if pages is None:
            pages = rng.choices(_PAGE_COUNTS, cum_weights=_PAGE_COUNT_WEIGHTS)[0] + (1 if keen else 0)
        for path, title in rng.choices(_PAGES, cum_weights=weights, k=pages):
            at += int((1 + rng.random()) * SECOND)
            url = SITE + path
            data: Data = {"url": url, "title": title, "session": name, **marks}
            if about:
                data |= about
            feed.send("/web", "page_view", subject, at, data)
            seconds = 2 + int(140 * rng.random() * rng.random()) + (10 if keen else 0)
            if rng.random() < 0.33:
                engaged: Data = {"url": url, "seconds": seconds, "session": name}
                feed.send("/web", "page_engaged", subject, at + seconds * SECOND, engaged)
            if path == "/blog" or rng.random() < 0.12:
                self.read(subject, at + SECOND, seconds)
            at += seconds * SECOND
            marks = {}
        if rng.random() < 0.02:
            feed.send("/web", "form_started", subject, at, {"form": "contact", "intent": "contact"})
        elif rng.random() < 0.02:
            priced: Data = {"name": "price_calculated", "properties": {"seats": rng.randrange(5, 90)}}
            feed.send("/web", "custom", subject, at, priced)
        return at

    def read(self, subject: str, at: Instant, seconds: int, *, download: bool = False) -> None:
        """One piece of what is published by then."""
        published = self._published[min(len(self._published) - 1, self.company.calendar.day(at))]
        content = self.company.contents[int(self.rng.random() * published)]
        if download:
            self.feed.send("/web", "content_download", subject, at, {"content": content.id})
            return
        progress = f"{min(100, seconds + 8) / 100:.2f}"
        read: Data = {"content": content.id, "seconds": seconds, "progress": progress}
        self.feed.send("/web", "content_view", subject, at, read)

    def fill_in(self, subject: str, at: Instant, form: str, intent: str) -> Instant:
        """A form from its first field to its sending; returns when it was sent."""
        self.feed.send("/web", "form_started", subject, at, {"form": form, "intent": intent})
        at += instant_between(25 * SECOND, 4 * MINUTE, self.rng)
        self.feed.send("/web", "form_submitted", subject, at, {"form": form, "intent": intent})
        return at

    def name(self, person: SimulatedPerson, device: str, at: Instant, method: str) -> None:
        """`device` turns out to be `person`'s. Saying it again would be true but adds nothing."""
        if device in person.linked:
            return
        person.linked.add(device)
        self.feed.send("/web", "identified", device, at, {"other": person.user, "method": method})
        if person.known_at is None:
            person.known_at = at
            profile: Data = {
                "country": person.country,
                "language": person.language,
                "job_title": person.title,
                "lead_source": method,
            }
            self.feed.send("/crm", "profile_updated", person.user, at + 5 * SECOND, profile)

    def see_banners(self, subject: str, day: int, count: int) -> None:
        """Advertising seen without a click."""
        for _ in range(count):
            campaigns = self.company.running("Display", day) or self.company.running("Paid Social", day)
            if campaigns:
                self._show(subject, self.feed.calendar.at_leisure(day, self.rng), self.rng.choice(campaigns))

    def _show(self, subject: str, at: Instant, campaign: Campaign) -> None:
        ad = f"{campaign.id}-{at % 4 + 1}"
        data: Data = {
            "campaign": campaign.id,
            "ad": ad,
            "placement": _PLACEMENTS[at % 4],
            "viewable": self.rng.random() < 0.7,
        }
        self.feed.send("/ads", "ad_impression", subject, at, data)

    def _arrive(self, subject: str, at: Instant, campaign: Campaign | None, channel: str | None) -> Data:
        """What the address of the first page says about where the visit comes from."""
        rng = self.rng
        if campaign is None:
            channel = channel or rng.choices(_CHANNELS, cum_weights=_CHANNEL_WEIGHTS)[0]
            running: Sequence[Campaign] = self.company.running(channel, self.company.calendar.day(at))
            if running:
                campaign = rng.choices(running, [each.budget_share for each in running])[0]
            elif channel in ("Display", "Affiliates", "Paid Search", "Paid Social"):
                channel = "Direct"
        marks: Data = {"agent": rng.choice(_AGENTS)}
        if campaign is None:
            if channel is not None and channel in _REFERRERS:
                marks["referrer"] = rng.choice(_REFERRERS[channel])
            return marks
        source, medium, name = campaign.utm
        marks |= {"utm_source": source, "utm_medium": medium, "utm_campaign": name}
        if campaign.channel in ("Paid Search", "Paid Social", "Display"):
            self._click(subject, at, campaign, marks)
        return marks

    def _click(self, subject: str, at: Instant, campaign: Campaign, marks: Data) -> None:
        rng = self.rng
        if campaign.channel != "Paid Search":
            self._show(subject, at - instant_between(2 * SECOND, MINUTE, rng), campaign)
        # Two of the platforms know a campaign only by their own number, which is one of its aliases.
        by_number = campaign.provider in ("bing", "meta")
        data: Data = {
            "campaign": campaign.platform_id if by_number else campaign.id,
            "ad": f"{campaign.id}-{at % 4 + 1}",
        }
        if campaign.channel == "Paid Search":
            marks["utm_term"] = data["term"] = rng.choice(_TERMS)
            marks["referrer"] = _REFERRERS["Organic Search"][0 if campaign.provider == "google" else 2]
        kind = _CLICK_IDS.get(campaign.provider)
        if kind is not None:
            marks["click_id"] = data["click_id"] = f"{kind}:{rng.getrandbits(64):016x}"
        self.feed.send("/ads", "ad_click", subject, at, data)


def gaps(rng: Random, count: int, low: int, high: int) -> list[int]:
    """`count` lengths of time of `low` to `high` hours."""
    return [int((low + rng.random() * (high - low)) * HOUR) for _ in range(count)]
