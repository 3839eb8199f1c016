"""After the sale: subscriptions and their terms, tickets, surveys, and the follow-ups of new customers."""

from collections.abc import Sequence
from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import COMPETITORS, PLANS, TOPICS, Company, in_currency
from app.simulation.deals import SimulatedDeal
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Account, Population, SimulatedPerson
from app.simulation.shop import Shop
from app.simulation.web import gaps
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant
from journey.money import major

CHURN_REASONS = ("price", "missing_feature", "competitor", "went_out_of_business")
FOLLOW_UPS = (("thank-you", "call", 2), ("check-in", "call", 30), ("review", "meeting", 90))
"""Step, kind, and days after the deal is won."""

_TIERS = ("small", "mid", "large")
_PRIORITIES = ("low", "normal", "normal", "high")
_OUTCOMES = ("reached", "reached", "no_answer")


class Customers:
    def __init__(self, feed: SimulatedFeed, company: Company, shop: Shop, rng: Random) -> None:
        self.feed = feed
        self.calendar = company.calendar
        self.shop = shop
        self.rng = rng
        self._tickets = 0

    def tell(self, population: Population, deals: Sequence[SimulatedDeal]) -> None:
        by_account = {deal.account: deal for deal in deals}
        for n, account in enumerate(population.customers):
            self._describe(account, self.calendar.opens + HOUR + n * SECOND)
            self._subscribe(account, f"sub-{n + 1}", by_account.get(account))
            for person in account.people:
                self._need_help(person)
            for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3))):
                self.shop.order(account, self.shop.some_day())
        for deal in deals:
            if deal.kind == "new":
                self._describe(deal.account, deal.opened - 10 * MINUTE)
                if deal.outcome == "won":
                    self._welcome(deal)

    def _describe(self, account: Account, at: Instant) -> None:
        facts: Data = {
            "name": account.name,
            "domain": account.domain,
            "industry": account.industry,
            "employees": account.employees,
        }
        facts |= {"country": account.country, "owner": account.owner.id, "team": account.owner.team}
        self.feed.send("/crm", "account_updated", account.subject, at, facts)
        if self.rng.random() < 0.1:
            later = self.calendar.at_work(at + instant_between(DAY, 90 * DAY, self.rng), self.rng)
            tier = _TIERS[(account.employees > 50) + (account.employees > 500)]
            rated: Data = {"tier": tier, "revenue_band": f"{tier}-{account.currency}"}
            self.feed.send("/crm", "account_updated", account.subject, later, rated)

    def _plan(self, account: Account) -> tuple[str, int]:
        """The plan that fits a firm's size, and its price for a month in minor units of its currency."""
        plan, cents = PLANS[min(3, sum(account.employees > size for size in (25, 200, 1000)))]
        return plan, in_currency(cents, account.currency) // 100 * 100

    def _money(self, name: str, amount_minor: int, account: Account) -> Data:
        return {name: str(major(amount_minor, account.currency)), "currency": account.currency}

    def _subscribe(self, account: Account, subscription: str, deal: SimulatedDeal | None) -> None:
        """Billing starts with the first day; the term of who negotiates a renewal ends when that deal does."""
        rng, calendar = self.rng, self.calendar
        plan, mrr_minor = self._plan(account)
        renews = deal if deal is not None and deal.kind == "renewal" else None
        ends = calendar.day(renews.closes) + 3 if renews is not None else rng.randrange(15, 365)
        at = calendar.opens + instant_between(MINUTE, 30 * MINUTE, rng)
        started: Data = {
            "subscription": subscription,
            "plan": plan,
            **self._money("mrr", mrr_minor, account),
            "auto_renew": renews is None,
        }
        started |= {"term_start_on": calendar.date(0), "term_end_on": calendar.date(ends)}
        self.feed.send("/billing", "subscription_started", account.subject, at, started)
        if deal is not None and deal.kind == "expansion" and deal.outcome == "won":
            self._change(account, subscription, plan, mrr_minor * 13 // 10 // 100 * 100, deal.closes + HOUR, deal.id)
            mrr_minor = mrr_minor * 13 // 10 // 100 * 100
            self.shop.order(account, deal.closes + 2 * HOUR, deal=deal)
        elif rng.random() < 0.05:
            self._change(
                account,
                subscription,
                plan,
                mrr_minor * 8 // 10 // 100 * 100,
                calendar.midnight(rng.randrange(1, 60)) + 10 * HOUR,
                None,
            )
            mrr_minor = mrr_minor * 8 // 10 // 100 * 100
        lost = renews is not None and renews.outcome in ("lost", "abandoned")
        if lost or (renews is None and rng.random() < 0.15):
            self._leave(account, subscription, calendar.midnight(ends), unpaid=not lost and rng.random() < 0.4)
        elif renews is None or renews.outcome == "won":
            when = renews.closes + 30 * MINUTE if renews is not None else calendar.midnight(ends) + 7 * HOUR
            renewal: Data = {
                "subscription": subscription,
                "term_end_on": calendar.date(ends + 365),
                **self._money("mrr", mrr_minor, account),
            }
            self.feed.send("/billing", "renewal", account.subject, when, renewal)

    def _change(self, account: Account, subscription: str, plan: str, mrr_minor: int, at: Instant, deal: str | None) -> None:
        changed: Data = {"subscription": subscription, "plan": plan, **self._money("mrr", mrr_minor, account)}
        if deal is not None:
            changed["deal"] = deal
        self.feed.send("/billing", "subscription_changed", account.subject, at, changed)

    def _leave(self, account: Account, subscription: str, at: Instant, *, unpaid: bool) -> None:
        ended: Data = {"subscription": subscription, "ended_on": self.calendar.date_of(at)}
        ended |= {
            "reason": "payment_failed" if unpaid else self.rng.choice(CHURN_REASONS),
            "kind": "involuntary" if unpaid else "voluntary",
        }
        self.feed.send("/billing", "contract_ended", account.subject, at + 6 * HOUR, ended)

    def _welcome(self, deal: SimulatedDeal) -> None:
        """What a won deal starts: an order, a subscription, the follow-ups, and a question whether all is well."""
        rng, feed, calendar = self.rng, self.feed, self.calendar
        account = deal.account
        self.shop.order(account, deal.closes + HOUR, deal=deal)
        plan, mrr_minor = self._plan(account)
        day = calendar.day(deal.closes) + 1
        started: Data = {
            "subscription": f"sub-{deal.id}",
            "plan": plan,
            **self._money("mrr", mrr_minor, account),
            "deal": deal.id,
            "auto_renew": True,
        }
        started |= {"term_start_on": calendar.date(day), "term_end_on": calendar.date(day + 365)}
        feed.send("/billing", "subscription_started", account.subject, calendar.midnight(day) + 6 * HOUR, started)
        for step, kind, days in FOLLOW_UPS:
            if rng.random() < 0.85:
                at = calendar.at_work(deal.closes + days * DAY + instant_between(-DAY, 3 * DAY, rng), rng)
                done: Data = {
                    "owner": deal.owner.id,
                    "outcome": rng.choice(_OUTCOMES),
                    "deal": deal.id,
                    "step": step,
                    "kind": kind,
                }
                feed.send("/crm", "follow_up", deal.people[0].user, at, done)
        for person in deal.people:
            at = deal.closes + 2 * DAY
            for gap in gaps(rng, rng.randrange(2, 12), 10, 120):
                at += gap
                feed.send("/app", "product_used", person.user, at, {"feature": "import", "count": 1 + gap % 20})
            self._need_help(person, since=deal.closes)

    def _need_help(self, person: SimulatedPerson, since: Instant = 0) -> None:
        """A ticket from one in five; after it a question about it, which one in three answers."""
        rng, calendar = self.rng, self.calendar
        if rng.random() > 0.2:
            return
        self._tickets += 1
        at = max(since, calendar.opens + DAY)
        at = calendar.at_work(at + instant_between(0, max(DAY, calendar.ends - at), rng), rng)
        ticket: Data = {
            "ticket": f"T-{self._tickets}",
            "category": rng.choice(TOPICS),
            "priority": rng.choice(_PRIORITIES),
        }
        states = ["opened", "resolved"]
        if rng.random() < 0.4:
            states.insert(1, "pending")
        if rng.random() < 0.08:
            states += ["reopened", "resolved"]
        for state in states:
            self.feed.send("/helpdesk", "support_ticket", person.user, at, {**ticket, "status": state})
            at += instant_between(20 * MINUTE, 3 * DAY, rng)
        asked: Data = {"survey": "after-ticket", "wave": calendar.date_of(at)[:7]}
        self.feed.send("/surveys", "survey_sent", person.user, at, asked)
        if rng.random() < 0.33:
            self._answer(person, at + instant_between(HOUR, 2 * DAY, rng), asked, "csat", rng.choice((2, 3, 4, 4, 5, 5)), (1, 5))

    def ask_all(self, population: Population) -> None:
        """How likely would you recommend us: once a quarter, to everybody at a customer."""
        waves = range(min(20, self.calendar.days - 1), self.calendar.days, 90)
        for n, day in enumerate(waves, start=1):
            asked: Data = {"survey": "recommend", "wave": f"wave-{n}"}
            for person in population.people["contact"]:
                at = self.calendar.midnight(day) + instant_between(9 * HOUR, 10 * HOUR, self.rng)
                if person.known_at is None or person.known_at > at:
                    continue
                self.feed.send("/surveys", "survey_sent", person.user, at, asked)
                if self.rng.random() < 0.24:
                    score = self.rng.choice((3, 5, 6, 7, 7, 8, 8, 9, 9, 9, 10, 10))
                    self._answer(person, at + instant_between(HOUR, 6 * DAY, self.rng), asked, "nps", score, (0, 10))

    def _answer(self, person: SimulatedPerson, at: Instant, asked: Data, kind: str, score: int, scale: tuple[int, int]) -> None:
        question = "How likely would you recommend us?" if kind == "nps" else "How did we do?"
        answer: Data = {
            **asked,
            "kind": kind,
            "question": question,
            "score": score,
            "scale_min": scale[0],
            "scale_max": scale[1],
        }
        if score <= scale[1] // 2:
            answer["text"] = f"We also look at {COMPETITORS[score % len(COMPETITORS)]}."
        self.feed.send("/surveys", "survey_answered", person.user, at, answer)
