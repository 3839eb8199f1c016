"""Sales approaches people who did not ask: most do not answer, some become a deal."""

from collections.abc import Sequence
from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import Company
from app.simulation.deals import SimulatedDeal
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Account, Population, SimulatedPerson
from app.simulation.web import Web, gaps
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant

_METHODS = ("list", "list", "linkedin", "event")
_OUTCOMES = ("no_answer", "voicemail", "no_answer", "busy", "connected", "wrong_number")


class Prospecting:
    def __init__(self, feed: SimulatedFeed, company: Company, web: Web, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.web = web
        self.rng = rng

    def tell(self, population: Population, deals: Sequence[SimulatedDeal]) -> None:
        by_account = {deal.account: deal for deal in deals if deal.kind == "new"}
        for account in population.prospects:
            deal = by_account.get(account)
            for person in account.people:
                if person.role != "prospect":
                    continue
                if deal is not None and deal.referred_by is not None and person is deal.people[0]:
                    self.introduce(person, account, deal)
                    continue
                if deal is not None and person in deal.people:
                    ends = deal.opened
                    at = max(self.calendar.opens + 8 * HOUR, ends - instant_between(4 * DAY, 20 * DAY, self.rng))
                else:
                    at = self.calendar.midnight(self.company.busy_day(self.rng)) + 9 * HOUR
                    ends = self.calendar.ends
                self.approach(person, account, self.calendar.at_work(at, self.rng), ends)
                if deal is not None and person in deal.people and self.rng.random() < 0.7:
                    self.look_around(person, deal)

    def introduce(self, person: SimulatedPerson, account: Account, deal: SimulatedDeal) -> None:
        """A customer sends somebody to us, a few days before there is a deal."""
        at = max(self.calendar.opens + 8 * HOUR, deal.opened - instant_between(DAY, 8 * DAY, self.rng))
        self._note(person, account, at, "referral")
        said: Data = {"by": deal.referred_by}
        if self.rng.random() < 0.3:
            said["code"] = f"thanks-{self.rng.randrange(100, 999)}"
        self.feed.send("/crm", "referral", person.user, at + MINUTE, said)
        written: Data = {"medium": "email", "direction": "in", "automated": False}
        self.feed.send("/crm", "message", person.user, at + HOUR, written)

    def approach(self, person: SimulatedPerson, account: Account, at: Instant, ends: Instant) -> None:
        """A sequence of automated mails, then people."""
        rng, feed, calendar = self.rng, self.feed, self.calendar
        seller = account.owner
        self._note(person, account, at - MINUTE, "outbound")
        chosen: Data = {
            "owner": seller.id,
            "method": rng.choice(_METHODS),
            "list": f"list-{calendar.date_of(at)[:7]}",
            "sequence": "first-touch",
        }
        feed.send("/crm", "prospected", person.user, at, chosen)
        for n in range(rng.randrange(2, 6)):
            at = calendar.at_work(at + instant_between(4 * HOUR, 5 * DAY, rng), rng)
            if at >= ends:
                return
            if n < 2 or rng.random() < 0.4:
                written: Data = {"medium": "email", "direction": "out", "automated": n < 2, "owner": seller.id}
                feed.send("/mailer" if n < 2 else "/crm", "message", person.user, at, written)
                if rng.random() < 0.06:
                    self._look(person, at + instant_between(10 * MINUTE, 20 * HOUR, rng))
            else:
                outcome = rng.choice(_OUTCOMES)
                call: Data = {"owner": seller.id, "direction": "out", "outcome": outcome}
                ended: Data = call | ({"seconds": rng.randrange(20, 400)} if outcome == "connected" else {})
                feed.send("/phone", "call", person.user, at, ended)
                if outcome == "wrong_number":
                    return

    def look_around(self, person: SimulatedPerson, deal: SimulatedDeal) -> None:
        """Who is about to buy also comes by themselves, mostly before sales knows which visitor that was."""
        rng, web = self.rng, self.web
        at = max(self.calendar.opens, deal.opened - instant_between(0, 40 * DAY, rng))
        for gap in gaps(rng, rng.randrange(1, 5), 20, 24 * 15):
            at = web.session(person.devices[0], at + instant_between(0, 10 * HOUR, rng), keen=True)
            if rng.random() < 0.35:
                web.read(person.devices[0], at, 0, download=True)
            at += gap
        if rng.random() < 0.8:
            web.name(person, person.devices[0], max(at, deal.opened) + instant_between(HOUR, 3 * DAY, rng), "email_click")

    def _note(self, person: SimulatedPerson, account: Account, at: Instant, origin: str) -> None:
        """Sales writes down who it is."""
        person.known_at = at
        self.feed.send("/crm", "account_joined", person.user, at, {"account": account.id, "role": person.part})
        profile: Data = {
            "country": person.country,
            "job_title": person.title,
            "seniority": person.seniority,
            "lead_source": origin,
        }
        self.feed.send("/crm", "profile_updated", person.user, at + SECOND, profile)

    def _look(self, person: SimulatedPerson, at: Instant) -> None:
        """The link in the mail says who it is, after the visit."""
        at = self.web.session(person.devices[0], at, channel="Direct")
        self.web.name(person, person.devices[0], at, "email_click")
