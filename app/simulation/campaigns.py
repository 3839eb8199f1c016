"""What campaigns and content say of themselves: when they run, what they cost, what platforms report, what is out."""

from random import Random

from app.simulation.calendar import SimulatedCalendar, instant_between
from app.simulation.company import TOPICS, Campaign, Company
from app.simulation.feed import Data, SimulatedFeed
from journey.instants import DAY, HOUR, MINUTE, SECOND
from journey.money import major

MEDIA_CENTS_PER_PERSON = 700
"""Media spend of the whole time played, for each person in the world."""
RESTATED_SHARE = 0.08
RESTATED_AFTER_DAYS = 3

_PRICE_CENTS = {"Paid Search": 240, "Paid Social": 420, "Display": 90, "Affiliates": 150}
_CLICKS_PER_10_000 = {"Paid Search": 420, "Paid Social": 80, "Display": 14, "Affiliates": 200}
_SPENT_DAILY = ("Paid Search", "Paid Social")


class Campaigns:
    def __init__(self, feed: SimulatedFeed, company: Company, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar: SimulatedCalendar = company.calendar
        self.rng = rng

    def tell(self) -> None:
        for n, campaign in enumerate(self.company.campaigns.values()):
            self.launch(campaign, n)
            if campaign.budget_share > 0:
                self.spend(campaign)
                self.report(campaign)
        for content in self.company.contents:
            at = self.calendar.midnight(content.published_day) + 6 * HOUR + instant_between(0, HOUR, self.rng)
            said: Data = {
                "content": content.id,
                "title": content.title,
                "format": content.format,
                "topics": content.topics,
            }
            said |= {"answers": content.answers, "stage": content.stage, "audience": "b2b"}
            if content.format != "article":
                said |= {"cost": str(major(self.rng.randrange(4, 40) * 10_000, "EUR")), "currency": "EUR"}
            self.feed.send("/cms", "content_published", content.subject, at, said)

    def _media_cents(self, campaign: Campaign) -> int:
        """What a day of it costs, before the day has its say."""
        return round(MEDIA_CENTS_PER_PERSON * self.company.customers * campaign.budget_share / self.calendar.days)

    def launch(self, campaign: Campaign, n: int) -> None:
        calendar = self.calendar
        at = calendar.midnight(campaign.first) + 5 * HOUR + n * MINUTE
        aliases = [campaign.utm[2], campaign.platform_id]
        said: Data = {
            "campaign": campaign.id,
            "name": campaign.name,
            "channels": [campaign.channel],
            "objective": campaign.objective,
            "start_on": calendar.date(campaign.first),
            "topics": [TOPICS[n % len(TOPICS)]],
            "aliases": [alias for alias in aliases if alias != campaign.id],
        }
        ends = campaign.last < calendar.days - 1
        if campaign.budget_share > 0:
            length = campaign.last - campaign.first + 1
            said |= {
                "budget": str(major(self._media_cents(campaign) * length // 10_000 * 10_000, "EUR")),
                "currency": "EUR",
            }
        if ends:
            said["end_on"] = calendar.date(campaign.last)
            over: Data = {"campaign": campaign.id, "reason": "planned"}
            self.feed.send("/ads", "campaign_ended", campaign.subject, calendar.midnight(campaign.last) + 22 * HOUR, over)
        self.feed.send("/ads", "campaign_launched", campaign.subject, at, said)

    def spend(self, campaign: Campaign) -> None:
        """By day or by week, told late in the evening of the last day; some of it is put right some days later."""
        calendar, rng = self.calendar, self.rng
        days = range(campaign.first, campaign.last + 1)
        if campaign.channel in _SPENT_DAILY:
            periods = [(day, day) for day in days]
        else:
            periods = [
                (max(first, days[0]), min(last, days[-1])) for first, last in calendar.weeks() if last >= days[0] and first <= days[-1]
            ]
        for first, last in periods:
            weekend = sum(not calendar.is_workday(day) for day in range(first, last + 1))
            cents = round(self._media_cents(campaign) * (last - first + 1 - 0.5 * weekend) * rng.uniform(0.8, 1.2))
            at = calendar.midnight(last) + 23 * HOUR + instant_between(0, 50 * MINUTE, rng)
            said: Data = {
                "campaign": campaign.id,
                "channel": campaign.channel,
                "provider": campaign.provider,
                "function": "marketing",
                "kind": "media",
                "period_start": calendar.date(first),
                "period_end": calendar.date(last),
                "currency": "EUR",
            }
            said |= {"amount": str(major(cents, "EUR")), "stated_at": calendar.stamp(at)}
            self.feed.send("/ads", "spend_recorded", campaign.subject, at, said)
            if rng.random() < RESTATED_SHARE:
                at += RESTATED_AFTER_DAYS * DAY
                mended = str(major(cents * rng.randrange(90, 106) // 100, "EUR"))
                said |= {"amount": mended, "stated_at": calendar.stamp(at)}
                self.feed.send("/ads", "spend_recorded", campaign.subject, at, said)

    def report(self, campaign: Campaign) -> None:
        """What the platform counted itself, by week."""
        calendar, rng = self.calendar, self.rng
        for monday, sunday in calendar.weeks():
            first, last = max(monday, campaign.first), min(sunday, campaign.last)
            if first > last:
                continue
            clicks = max(
                1,
                round(self._media_cents(campaign) * (last - first + 1) / _PRICE_CENTS[campaign.channel] * rng.uniform(0.8, 1.2)),
            )
            impressions = clicks * 10_000 // _CLICKS_PER_10_000[campaign.channel]
            said: Data = {
                "provider": campaign.provider,
                "channel": campaign.channel,
                "campaign": campaign.id,
                "period_start": calendar.date(first),
                "period_end": calendar.date(last),
                "impressions": impressions,
                "clicks": clicks,
                "reach": impressions // rng.randrange(2, 5),
            }
            if campaign.channel == "Paid Social":
                said["engagements"] = clicks * rng.randrange(1, 4)
            at = calendar.midnight(last) + 23 * HOUR + 30 * MINUTE + instant_between(0, 20 * MINUTE, rng) + SECOND
            self.feed.send("/ads", "media_reported", campaign.subject, at, said)
