"""What is about nobody: sellers, targets, rates of exchange, costs of no one campaign, the press, the market."""

from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import COMPETITORS, EUROS_PER, FIELD_TEAMS, TOPICS, Company
from app.simulation.feed import Data, SimulatedFeed
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant
from journey.money import major

COMPANY = "company:self"

_OUTLETS = ("Handelswoche", "Data Letter", "Industrie heute", "The Register of Tools")
_FIXED_COSTS = (
    ("tools", "marketing", 60),
    ("people", "marketing", 300),
    ("people", "sales", 500),
    ("agency", "marketing", 90),
    ("event", "marketing", 40),
    ("content", "marketing", 50),
)
"""Kind, function, and cents for each person in the world over the whole time."""


class Market:
    def __init__(self, feed: SimulatedFeed, company: Company, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.rng = rng

    def tell(self) -> None:
        self._sellers()
        self._rates()
        self._costs()
        for n, (first, last) in enumerate(self.calendar.months()):
            period: Data = {"period_start": self.calendar.date(first), "period_end": self.calendar.date(last)}
            self._targets(first, last, period)
            self._insights(n, self.calendar.midnight(last) + 20 * HOUR, period)
        self._press()

    def _say(self, source: str, type: str, at: Instant, data: Data) -> None:
        self.feed.send(source, type, COMPANY, at, data)

    def _sellers(self) -> None:
        calendar = self.calendar
        for n, seller in enumerate(self.company.sellers):
            said: Data = {
                "owner": seller.id,
                "team": seller.team,
                "manager": seller.manager,
                "active": True,
                "from": calendar.date(0),
            }
            self._say("/hr", "seller_updated", calendar.opens + n * SECOND, said)
        moved = self.company.sellers[0]
        day = calendar.days // 2
        elsewhere: Data = {"owner": moved.id, "team": FIELD_TEAMS[1], "from": calendar.date(day)}
        self._say("/hr", "seller_updated", calendar.midnight(day) + 7 * HOUR, elsewhere)

    def _rates(self) -> None:
        """The first day has its rates too, whatever day of the week it is."""
        calendar, rng = self.calendar, self.rng
        for day in range(calendar.days):
            if day > 0 and not calendar.is_workday(day):
                continue
            for n, (base, euros) in enumerate((base, euros) for base, euros in EUROS_PER.items() if base != "EUR"):
                rate = f"{float(euros) * rng.uniform(0.98, 1.02):.6f}"
                said: Data = {"base": base, "quote": "EUR", "rate": rate, "on": calendar.date(day)}
                self._say("/treasury", "fx_rate", calendar.midnight(day) + 3 * HOUR + n * SECOND, said)

    def _costs(self) -> None:
        """By month, with a key of their own; one in six is stated again when the invoice is in."""
        calendar, rng = self.calendar, self.rng
        for first, last in calendar.months():
            for kind, function, cents_per_person in _FIXED_COSTS:
                cents = round(cents_per_person * self.company.customers * (last - first + 1) / calendar.days * rng.uniform(0.9, 1.1))
                at = calendar.midnight(last) + 21 * HOUR + instant_between(0, HOUR, rng)
                said: Data = {
                    "statement": f"{function}-{kind}-{calendar.date(first)[:7]}",
                    "provider": "ledger",
                    "function": function,
                    "kind": kind,
                    "period_start": calendar.date(first),
                    "period_end": calendar.date(last),
                    "currency": "EUR",
                }
                billed: Data = {**said, "amount": str(major(cents, "EUR")), "stated_at": calendar.stamp(at)}
                self._say("/ledger", "spend_recorded", at, billed)
                if rng.random() < 1 / 6:
                    at += 9 * DAY
                    amount = str(major(cents * 104 // 100, "EUR"))
                    mended: Data = {**said, "amount": amount, "stated_at": calendar.stamp(at)}
                    self._say("/ledger", "spend_recorded", at, mended)

    def _targets(self, first: int, last: int, period: Data) -> None:
        calendar = self.calendar
        month_share = (last - first + 1) / calendar.days
        at = calendar.midnight(first) + 4 * HOUR
        leads = max(1, round(self.company.customers * 0.03 * month_share))
        for metric, value in (
            ("new_leads", leads),
            ("mql", max(1, leads * 3 // 10)),
            ("speed_to_lead", 240),
            ("won_number", max(1, leads // 6)),
        ):
            at += SECOND
            self._say("/planning", "target_set", at, {"metric": metric, "value": str(value), **period})
        for seller in self.company.sellers:
            at += SECOND
            quota = max(1, round(self.company.customers * 70 * month_share / len(self.company.sellers)) // 1000) * 1000
            said: Data = {
                "metric": "won_value",
                "value": str(quota),
                "currency": "EUR",
                "owner": seller.id,
                "team": seller.team,
                **period,
            }
            self._say("/planning", "target_set", at, said)
            if self.rng.random() < 0.05:
                self._say("/planning", "target_set", at + 5 * DAY, {**said, "value": str(quota + 2000)})

    def _insights(self, n: int, at: Instant, period: Data) -> None:
        """Ours and theirs out of one total, and what a panel of strangers knows of us."""
        rng = self.rng
        for basis in ("mentions", "searches"):
            total = rng.randrange(4000, 9000)
            shares = (("", 0.12 + 0.01 * n), *((name, 0.3 - 0.06 * k) for k, name in enumerate(COMPETITORS)))
            for k, (competitor, share) in enumerate(shares):
                said: Data = {
                    "metric": "share_of_voice",
                    "basis": basis,
                    "market": "dach",
                    "provider": "panelwise",
                    **period,
                }
                said |= {"value": str(round(total * share)), "total": str(total)}
                if competitor:
                    said["competitor"] = competitor
                self._say("/panel", "market_insight", at + k * SECOND, said)
        followers: Data = {
            "provider": "linkedin",
            "channel": "Organic Social",
            "followers": 2000 + 90 * n,
            "views": rng.randrange(900, 4000),
        }
        watched: Data = {**followers, "engagements": rng.randrange(50, 400), **period}
        self._say("/social", "media_reported", at + MINUTE, watched)
        asked: Data = {"survey": "brand", "wave": f"month-{n + 1}"}
        self._say("/panel", "survey_sent", at - DAY, asked)
        for kind, question, score in (
            ("unaided", "Which tools do you know?", 0.06),
            ("aided", "Do you know Tallyworks?", 0.21),
        ):
            answer: Data = {
                **asked,
                "kind": kind,
                "question": question,
                "scale_min": 0,
                "scale_max": 1,
                "respondents": 400,
            }
            known: Data = {**answer, "score": f"{score + 0.01 * n:.2f}", "about": "tallyworks"}
            self._say("/panel", "survey_answered", at + 2 * MINUTE, known)

    def _press(self) -> None:
        rng, calendar = self.rng, self.calendar
        for _ in range(max(1, calendar.days // 12)):
            at = calendar.midnight(rng.randrange(calendar.days)) + instant_between(6 * HOUR, 18 * HOUR, rng)
            said: Data = {
                "outlet": rng.choice(_OUTLETS),
                "reach": rng.randrange(2, 90) * 1000,
                "sentiment": f"{rng.uniform(-0.6, 0.9):.2f}",
            }
            said["topics"] = [rng.choice(TOPICS)]
            if rng.random() < 0.3:
                said["competitor"] = rng.choice(COMPETITORS)
            self._say("/press", "press_mention", at, said)
