"""Leads: who asks for a call, what marketing makes of them, how they are handed over, and what sales does with them."""

from dataclasses import dataclass
from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import INSIDE_TEAM, Company, Seller
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Account, Population, SimulatedPerson, join
from app.simulation.shares import deal_out
from app.simulation.visitors import Visitors
from app.simulation.web import Web, gaps
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant

FATES = (
    ("quiet", 0.64),  # not worth a call yet
    ("unfit", 0.06),  # marketing lets go of it
    ("rejected", 0.045),  # from here on it is an MQL, and was handed to sales
    ("waiting", 0.03),
    ("recycled", 0.09),
    ("disqualified", 0.03),
    ("working", 0.045),
    ("qualified", 0.06),
)
"""Of all leads: 30 in 100 become MQL; sales accepts 75 in 100 of those and qualifies 20 in 100."""

_NOT_MQL = ("quiet", "unfit")
_REJECT_REASONS = ("not_a_fit", "bad_contact_data", "no_budget", "duplicate", "not_ready")
_DISQUALIFY_REASONS = ("not_a_fit", "spam", "student", "competitor")
_RECYCLE_REASONS = ("not_ready", "not_ready", "no_budget", "timing")
_KEEN_INTENTS = ("demo", "demo", "trial")
_ANSWERS = ("yes", "yes", "unknown", "no")
_OUTCOMES = ("no_answer", "voicemail", "busy", "no_answer", "wrong_number")


@dataclass(frozen=True, slots=True)
class Qualified:
    """What a deal can be made of."""

    person: SimulatedPerson
    account: Account
    lead: str
    owner: Seller
    at: Instant


class Leads:
    def __init__(self, feed: SimulatedFeed, company: Company, web: Web, visitors: Visitors, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.web = web
        self.visitors = visitors
        self.rng = rng
        self._leads = 0

    def tell(self, population: Population) -> list[Qualified]:
        """Every lead's story. Who was qualified comes back, with a firm that sales knew already where there is one."""
        people = population.people["lead"]
        known = iter(population.prospects)
        qualified = []
        for person, fate in zip(people, deal_out(len(people), FATES, self.rng), strict=True):
            if fate == "qualified" and (account := next(known, None)) is not None:
                join(person, account)
            at, lead = self.ask(person, fate)
            if fate in _NOT_MQL:
                self.rest(person, lead, fate, at)
            elif (found := self.hand_over(person, lead, fate, at)) is not None:
                qualified.append(found)
        return qualified

    def ask(self, person: SimulatedPerson, fate: str) -> tuple[Instant, str]:
        """Visits up to the form that makes a lead. Who becomes an MQL shows it: downloads, prices, several visits."""
        rng, web = self.rng, self.web
        keen = fate not in _NOT_MQL
        day = self.company.busy_day(rng)
        if fate == "qualified":
            # Early enough that the deal can also end while we watch.
            day = rng.randrange(max(1, int(self.calendar.days * 0.4)))
        elif keen:
            day = min(day, max(0, self.calendar.days - 6))
        asks = self.calendar.at_leisure(day, rng)
        visits = gaps(rng, rng.randrange(2, 6) if keen else rng.randrange(3), 20, 24 * 6)
        while sum(visits) > asks - self.calendar.opens:
            visits.pop()  # nothing is known of the time before the first day
        at = asks - sum(visits)
        device = person.devices[0]
        for n, gap in enumerate(visits):
            device = rng.choice(person.devices)
            end = web.session(device, at, keen=keen)
            if keen and n % 2 == 0:
                if n == 0 and rng.random() < 0.5:
                    end = web.fill_in(device, end, "guide-form", "download")
                    web.name(person, device, end + SECOND, "form")
                web.read(device, end + MINUTE, 0, download=True)
            at += gap
        return self._form(person, device, asks, keen)

    def _form(self, person: SimulatedPerson, device: str, at: Instant, keen: bool) -> tuple[Instant, str]:
        rng, feed, web = self.rng, self.feed, self.web
        at = web.session(device, at, keen=keen)
        intent = rng.choice(_KEEN_INTENTS) if keen else "contact"
        at = web.fill_in(device, at, f"{intent}-form", intent)
        web.name(person, device, at + SECOND, "form")
        self.visitors.consent(person, at + SECOND)
        if intent == "trial":
            ends = self.calendar.stamp(at + 14 * DAY)
            feed.send("/app", "signed_up", person.user, at + MINUTE, {"plan": "team"})
            feed.send("/app", "trial_started", person.user, at + 2 * MINUTE, {"plan": "team", "ends_at": ends})
            for gap in gaps(rng, rng.randrange(1, 9), 1, 40):
                at_use = at + gap
                feed.send("/app", "product_used", person.user, at_use, {"feature": "dashboard", "count": 1 + gap % 9})
        # The CRM has the lead half a minute after the form; a second device shows itself by a later login.
        lead = self._create(person, at + 30 * SECOND, "website", intent)
        for other in person.devices:
            if other != device and rng.random() < 0.7:
                later = at + instant_between(HOUR, 20 * DAY, rng)
                web.session(other, later, keen=keen)
                web.name(person, other, later + 3 * MINUTE, "login")
        return at + 30 * SECOND, lead

    def _create(self, person: SimulatedPerson, at: Instant, source: str, intent: str) -> str:
        self._leads += 1
        lead = f"L-{1000 + self._leads}"
        self.feed.send("/crm", "lead_created", person.user, at, {"lead": lead, "lead_source": source, "intent": intent})
        return lead

    def rest(self, person: SimulatedPerson, lead: str, fate: str, at: Instant) -> None:
        """Scored, found too light, and left to the newsletter."""
        later = at + instant_between(10 * MINUTE, 2 * HOUR, self.rng)
        self.feed.send("/crm", "lead_scored", person.user, later, {"grade": "none", "by": "fit-2", "lead": lead})
        if fate == "unfit":
            reason = self.rng.choice(_DISQUALIFY_REASONS)
            gone = self.calendar.at_work(at + instant_between(DAY, 4 * DAY, self.rng), self.rng)
            self.feed.send("/crm", "lead_disqualified", person.user, gone, {"reason": reason, "lead": lead})
        for gap in gaps(self.rng, self.rng.randrange(2), 48, 400):
            self.web.session(person.devices[0], at + gap)

    def hand_over(self, person: SimulatedPerson, lead: str, fate: str, at: Instant) -> Qualified | None:
        """From the score to sales' answer: accepted or rejected, mostly that day, sometimes late, sometimes never."""
        rng, feed, calendar = self.rng, self.feed, self.calendar
        owner = self.company.seller(rng, inside=rng.random() < 0.5 and len(self.company.sellers) > 2)
        at = calendar.at_work(at + instant_between(5 * MINUTE, 5 * HOUR, rng), rng)
        feed.send("/crm", "lead_scored", person.user, at, {"grade": "mql", "by": "fit-2", "lead": lead})
        reply: Data = {"medium": "email", "direction": "out", "automated": True, "lead": lead}
        feed.send("/mailer", "message", person.user, at + SECOND, reply)
        at += instant_between(MINUTE, 20 * MINUTE, rng)
        due = calendar.stamp(calendar.at_work(at + DAY, rng))
        if rng.random() < 0.15:
            queued: Data = {"queue": "inbound", "team": INSIDE_TEAM, "lead": lead, "due_at": due}
            feed.send("/crm", "lead_assigned", person.user, at, queued)
            at = calendar.at_work(at + instant_between(HOUR, 6 * HOUR, rng), rng)
        assigned: Data = {"owner": owner.id, "team": owner.team, "lead": lead, "due_at": due}
        feed.send("/crm", "lead_assigned", person.user, at, assigned)
        if fate == "waiting":
            return None
        slow = rng.random() < 0.25
        at = calendar.at_work(at + (instant_between(DAY, 4 * DAY, rng) if slow else instant_between(10 * MINUTE, 5 * HOUR, rng)), rng)
        if fate == "rejected":
            note = "see the notes of the call"
            rejected: Data = {"reason": rng.choice(_REJECT_REASONS), "lead": lead, "owner": owner.id, "note": note}
            feed.send("/crm", "lead_rejected", person.user, at, rejected)
            return None
        feed.send("/crm", "lead_accepted", person.user, at, {"owner": owner.id, "lead": lead})
        return self.work(person, lead, fate, owner, at)

    def work(self, person: SimulatedPerson, lead: str, fate: str, owner: Seller, at: Instant) -> Qualified | None:
        """Calls until one connects, a meeting, and what comes of it."""
        rng, feed, calendar = self.rng, self.feed, self.calendar
        call: Data = {"lead": lead, "owner": owner.id, "direction": "out"}
        for _ in range(rng.randrange(4)):
            at = calendar.at_work(at + instant_between(10 * MINUTE, 20 * HOUR, rng), rng)
            feed.send("/phone", "call", person.user, at, {**call, "outcome": rng.choice(_OUTCOMES)})
        written: Data = {"medium": "email", "direction": "out", "automated": False, "lead": lead, "owner": owner.id}
        feed.send("/crm", "message", person.user, at + 5 * MINUTE, written)
        if fate == "working":
            return None
        at = calendar.at_work(at + instant_between(HOUR, 30 * HOUR, rng), rng)
        call |= {"outcome": "connected", "seconds": rng.randrange(90, 1500)}
        feed.send("/phone", "call", person.user, at, call)
        if fate == "disqualified":
            reason = rng.choice(_DISQUALIFY_REASONS)
            feed.send("/crm", "lead_disqualified", person.user, at + HOUR, {"reason": reason, "lead": lead})
            return None
        at = self._meet(person, lead, owner, at, held=fate == "qualified" or rng.random() < 0.6)
        if fate == "recycled":
            until = calendar.date(calendar.day(at) + 60)
            recycled: Data = {"reason": rng.choice(_RECYCLE_REASONS), "lead": lead, "nurture_until": until}
            feed.send("/crm", "lead_recycled", person.user, at, recycled)
            if rng.random() < 0.25:
                self._return(person, at + instant_between(25 * DAY, 60 * DAY, rng))
            return None
        facts = {name: rng.choice(_ANSWERS) for name in ("budget", "authority", "timeline")}
        feed.send("/crm", "lead_qualified", person.user, at, {"owner": owner.id, "lead": lead, "need": "yes", **facts})
        account = person.account
        assert account is not None, "every lead works somewhere"
        feed.send("/crm", "account_joined", person.user, at + MINUTE, {"account": account.id, "role": person.part})
        return Qualified(person, account, lead, owner, at + MINUTE)

    def _meet(self, person: SimulatedPerson, lead: str, owner: Seller, at: Instant, *, held: bool) -> Instant:
        rng, calendar = self.rng, self.calendar
        for status in ("held",) if held else ("no_show", "canceled"):
            starts = calendar.at_work(at + instant_between(DAY, 5 * DAY, rng), rng)
            meeting: Data = {"lead": lead, "owner": owner.id, "starts_at": calendar.stamp(starts), "kind": "first"}
            self.feed.send("/calendar", "meeting", person.user, at + 10 * MINUTE, {**meeting, "status": "scheduled"})
            at = starts + 30 * MINUTE
            self.feed.send("/calendar", "meeting", person.user, at, {**meeting, "status": status})
        return at + instant_between(10 * MINUTE, HOUR, rng)

    def _return(self, person: SimulatedPerson, at: Instant) -> None:
        """A second form after a pause: a lead again, of a later cycle."""
        at = self.web.session(person.devices[0], at, keen=True)
        at = self.web.fill_in(person.devices[0], at, "contact-form", "contact")
        self.web.name(person, person.devices[0], at + SECOND, "form")
        self._create(person, at + 30 * SECOND, "website", "contact")
