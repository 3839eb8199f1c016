"""How a deal goes, from its opening to its end: calls, demos, needs, objections, proposals, negotiations, stages."""

from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import COMPETITORS, PRODUCTS, TOPICS, Company
from app.simulation.deals import SimulatedDeal
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import SimulatedPerson
from journey.instants import DAY, HOUR, MINUTE, Instant
from journey.money import major

STAGES = {
    "new_business": ("discovery", "evaluation", "proposal", "negotiation"),
    "expansion": ("discovery", "proposal"),
}
PROBABILITIES = {"discovery": "0.10", "evaluation": "0.25", "proposal": "0.50", "negotiation": "0.75"}
LOSS_REASONS = ("price", "competitor", "no_decision", "missing_feature", "timing")

_LOSS_WEIGHTS = (28, 22, 26, 13, 11)
_NEXT_STEPS = ("send the offer", "call finance", "security review", "meet the board", "agree on the start")
_LAST_STAGE_WEIGHTS = (3, 3, 2, 2)


class Selling:
    def __init__(self, feed: SimulatedFeed, company: Company, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.rng = rng
        self._numbers = 0

    def tell(self, deal: SimulatedDeal) -> None:
        self._open(deal)
        stages = STAGES[deal.pipeline]
        reached = len(stages)
        if deal.outcome in ("lost", "abandoned"):
            reached = self.rng.choices(range(1, len(stages) + 1), _LAST_STAGE_WEIGHTS[: len(stages)])[0]
        length = (deal.closes - deal.opened) // reached
        amount_minor = deal.amount_minor
        for n, stage in enumerate(stages[:reached]):
            starts = deal.opened + n * length
            if n > 0:
                starts = self.calendar.at_work(starts, self.rng)
                if n == 1 and reached == 4 and self.rng.random() < 0.1:
                    continue  # straight to the proposal
                self._enter(deal, stage, starts)
            amount_minor = self._play(deal, stage, starts, deal.opened + (n + 1) * length, amount_minor)
        self._end(deal, amount_minor)

    def _open(self, deal: SimulatedDeal) -> None:
        people = [{"person": each.user, "role": each.part, "primary": n == 0} for n, each in enumerate(deal.people)]
        opened: Data = {
            **self._value(deal, deal.amount_minor),
            "deal": deal.id,
            "pipeline": deal.pipeline,
            "stage": STAGES[deal.pipeline][0],
            "expected_close_on": self.calendar.date_of(deal.opened + self.rng.randrange(35, 75) * DAY),
            "owner": deal.owner.id,
            "team": deal.owner.team,
            "kind": deal.kind,
            "account": deal.account.id,
            # Sometimes the others are only found out about later.
            "people": people[:1] if len(people) > 2 else people,
            "products": [self.rng.choice(PRODUCTS)],
        }
        if deal.lead is not None:
            opened["lead"] = deal.lead
        self.feed.send("/crm", "deal_opened", deal.subject, deal.opened, opened)
        if len(people) > 2:
            later = self.calendar.at_work(deal.opened + instant_between(DAY, 6 * DAY, self.rng), self.rng)
            self._update(deal, later, {"people": people})

    def _enter(self, deal: SimulatedDeal, stage: str, at: Instant) -> None:
        changes: Data = {"stage": stage}
        if self.rng.random() < 0.6:
            changes["probability"] = PROBABILITIES[stage]
        if self.rng.random() < 0.4:
            changes["forecast_category"] = "commit" if stage == "negotiation" else "best_case"
        if self.rng.random() < 0.35:
            # Hope, mostly for later; also a deal that will be closed sooner.
            changes["expected_close_on"] = self.calendar.date_of(at + self.rng.randrange(10, 60) * DAY)
        self._update(deal, at, changes)

    def _play(self, deal: SimulatedDeal, stage: str, starts: Instant, ends: Instant, amount_minor: int) -> int:
        """What is done in one stage; the amount that stands at its end."""
        at = starts
        if stage == "discovery":
            at = self._discover(deal, at, ends)
        elif stage == "evaluation":
            at = self._demonstrate(deal, at, ends)
        elif stage == "proposal":
            at, amount_minor = self._propose(deal, at, ends, amount_minor, 1)
        else:
            at, amount_minor = self._negotiate(deal, at, ends, amount_minor)
        if self.rng.random() < 0.6:
            at = self._object(deal, at, ends)
        while (at := self._next(at, ends, 3 * DAY, 10 * DAY)) < ends:
            self._keep_in_touch(deal, at)
        return amount_minor

    def _next(self, at: Instant, ends: Instant, low: int, high: int) -> Instant:
        """The next time something is done, or `ends` where that would be too late."""
        return min(ends, self.calendar.at_work(at + instant_between(low, high, self.rng), self.rng))

    def _discover(self, deal: SimulatedDeal, at: Instant, ends: Instant) -> Instant:
        person = deal.people[0]
        at = self._next(at, ends, HOUR, 3 * DAY)
        self._meet(deal, person, "meeting", at, "held")
        for topic in self.rng.sample(TOPICS, k=self.rng.randrange(1, 4)):
            stated: Data = {"topic": topic, "severity": self.rng.choice(("high", "medium", "low")), "deal": deal.id}
            self.feed.send("/crm", "need_stated", person.user, at + 50 * MINUTE, stated)
        return at + HOUR

    def _demonstrate(self, deal: SimulatedDeal, at: Instant, ends: Instant) -> Instant:
        for status in self.rng.choice((("held",), ("held",), ("held",), ("no_show", "held"), ("canceled", "held"), ("canceled",))):
            at = self._next(at, ends, 2 * DAY, 7 * DAY)
            if at >= ends:
                break
            self._meet(deal, self.rng.choice(deal.people), "demo", at, status)
            at += HOUR
        return at

    def _meet(self, deal: SimulatedDeal, person: SimulatedPerson, type: str, at: Instant, status: str) -> None:
        """An appointment: agreed on before, and then held or not."""
        said: Data = {"owner": deal.owner.id, "deal": deal.id, "starts_at": self.calendar.stamp(at)}
        agreed = max(deal.opened + MINUTE, at - instant_between(HOUR, 3 * DAY, self.rng))
        self.feed.send("/calendar", type, person.user, agreed, {**said, "status": "scheduled"})
        if status == "held":
            said |= {"seconds": self.rng.randrange(1200, 3600), "people": [each.user for each in deal.people]}
        self.feed.send("/calendar", type, person.user, at + 45 * MINUTE, {**said, "status": status})

    def _object(self, deal: SimulatedDeal, at: Instant, ends: Instant) -> Instant:
        rng = self.rng
        at = self._next(at, ends, HOUR, 2 * DAY)
        if at >= ends:
            return at
        person, topic = rng.choice(deal.people), rng.choice(TOPICS)
        self._numbers += 1
        objection = f"o{self._numbers}"
        raised: Data = {"objection": objection, "topic": topic, "deal": deal.id}
        if rng.random() < 0.3:
            raised["competitor"] = rng.choice(COMPETITORS)
            self._update(deal, at + MINUTE, {"competitors": [raised["competitor"]]})
        self.feed.send("/crm", "objection_raised", person.user, at, raised)
        if rng.random() < 0.8:
            at = self._next(at, ends, HOUR, 5 * DAY)
            overcome = rng.random() < (0.8 if deal.outcome == "won" else 0.45)
            handled: Data = {"objection": objection, "outcome": "overcome" if overcome else "open", "deal": deal.id}
            if rng.random() < 0.5 and topic != "migration":
                handled["content"] = f"guide-{topic}"
            self.feed.send("/crm", "objection_handled", person.user, at, handled)
        return at

    def _propose(self, deal: SimulatedDeal, at: Instant, ends: Instant, list_minor: int, version: int) -> tuple[Instant, int]:
        """An offer, with a discount the likelier the later."""
        discount = self.rng.choice((0, 0, 5, 10)) if version == 1 else self.rng.choice((5, 10, 15, 20))
        # Whole units of a hundred, so that it is an amount in every currency.
        amount_minor = list_minor * (100 - discount) // 100 // 100 * 100
        at = self._next(at, ends, HOUR, 4 * DAY)
        if at >= ends:
            return at, list_minor
        sent: Data = {
            "deal": deal.id,
            "proposal": f"{deal.id}-offer",
            "version": version,
            **self._value(deal, amount_minor),
            "list_amount": str(major(list_minor, deal.currency)),
            "discount": str(major(list_minor - amount_minor, deal.currency)),
            "valid_until": self.calendar.date_of(at + 30 * DAY),
        }
        self.feed.send("/crm", "proposal_sent", deal.subject if self.rng.random() < 0.7 else deal.people[0].user, at, sent)
        if amount_minor != list_minor:
            self._update(deal, at + 2 * MINUTE, self._value(deal, amount_minor))
        return at + 10 * MINUTE, amount_minor

    def _negotiate(self, deal: SimulatedDeal, at: Instant, ends: Instant, amount_minor: int) -> tuple[Instant, int]:
        for n in range(self.rng.randrange(1, 5)):
            at = self._next(at, ends, 5 * HOUR, 5 * DAY)
            if at >= ends:
                break
            by = "them" if n % 2 == 0 else "us"
            asked_minor = amount_minor * self.rng.choice((85, 90, 95)) // 100 // 100 * 100
            said: Data = {
                "deal": deal.id,
                "by": by,
                **self._value(deal, asked_minor),
                "terms": self.rng.choice(("price", "term", "start", "support")),
            }
            self.feed.send("/crm", "negotiation", deal.subject if by == "us" else deal.people[0].user, at, said)
        if self.rng.random() < 0.7:
            at, amount_minor = self._propose(deal, at, ends, amount_minor, 2)
        return at, amount_minor

    def _keep_in_touch(self, deal: SimulatedDeal, at: Instant) -> None:
        """Between the large steps: a call, a letter, a plan."""
        rng = self.rng
        person = rng.choice(deal.people)
        about: Data = {"deal": deal.id, "owner": deal.owner.id}
        kind = rng.randrange(8)
        if kind < 3:
            outcome = rng.choice(("connected", "connected", "voicemail", "no_answer", "busy"))
            call: Data = {**about, "direction": rng.choice(("out", "out", "in")), "outcome": outcome}
            ended: Data = call | ({"seconds": rng.randrange(60, 2400)} if outcome == "connected" else {})
            self.feed.send("/phone", "call", person.user, at, ended)
        elif kind < 6:
            written: Data = {
                **about,
                "medium": rng.choice(("email", "email", "linkedin", "chat")),
                "direction": rng.choice(("out", "in")),
                "automated": False,
            }
            self.feed.send("/crm", "message", person.user, at, written)
        elif kind == 6:
            self._update(deal, at, {"next_step": rng.choice(_NEXT_STEPS)})
            if rng.random() < 0.15:
                taker = self.company.seller(rng)
                self._update(deal, at + MINUTE, {"owner": taker.id, "team": taker.team})
        else:
            self._numbers += 1
            due = self.calendar.at_work(at + instant_between(DAY, 8 * DAY, rng), rng)
            # Published on the deal: a statement has one subject, and this one names a deal.
            planned: Data = {
                "activity": f"t{self._numbers}",
                "kind": rng.choice(("call", "email")),
                "due_at": self.calendar.stamp(due),
                **about,
            }
            self.feed.send("/crm", "activity_scheduled", deal.subject, at, {**planned, "status": "open"})
            if rng.random() < 0.75:
                status = "done" if rng.random() < 0.8 else "canceled"
                settled: Data = {**planned, "status": status}
                self.feed.send("/crm", "activity_scheduled", deal.subject, due + instant_between(-HOUR, 6 * HOUR, rng), settled)

    def _end(self, deal: SimulatedDeal, amount_minor: int) -> None:
        rng, feed = self.rng, self.feed
        midway = self.calendar.at_work((deal.opened + deal.closes) // 2, rng)
        if deal.misread:
            id = feed.send("/crm", "close", deal.subject, midway, self._closing(deal, amount_minor, "lost"))
            feed.take_back("/crm", deal.subject, id, midway + 2 * HOUR, "wrong deal")
        elif deal.reopened:
            feed.send("/crm", "close", deal.subject, midway, self._closing(deal, amount_minor, "lost"))
            again = self.calendar.at_work(midway + instant_between(2 * DAY, 5 * DAY, rng), rng)
            reopened: Data = {"deal": deal.id, "stage": STAGES[deal.pipeline][-1], "reason": "new_budget"}
            feed.send("/crm", "deal_reopened", deal.subject, again, reopened)
        if deal.outcome != "open":
            subject = deal.subject if rng.random() < 0.9 else deal.people[0].user
            feed.send("/crm", "close", subject, deal.closes, self._closing(deal, amount_minor, deal.outcome))

    def _closing(self, deal: SimulatedDeal, amount_minor: int, outcome: str) -> Data:
        closing: Data = {"deal": deal.id, "outcome": outcome, **self._value(deal, amount_minor)}
        if outcome == "won":
            return closing | {"margin": str(major(amount_minor * 7 // 10 // 100 * 100, deal.currency))}
        reason = self.rng.choices(LOSS_REASONS, _LOSS_WEIGHTS)[0]
        closing["reason"] = reason
        if reason == "competitor":
            closing["competitor"] = self.rng.choice(COMPETITORS)
        return closing

    def _update(self, deal: SimulatedDeal, at: Instant, changes: Data) -> None:
        self.feed.send("/crm", "deal_updated", deal.subject, at, {"deal": deal.id, **changes})

    def _value(self, deal: SimulatedDeal, amount_minor: int) -> Data:
        return {"amount": str(major(amount_minor, deal.currency)), "currency": deal.currency}
