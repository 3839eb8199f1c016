"""Who comes to the site without asking for a call: passers-by, readers of the newsletter, people of customers."""

from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import Company
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Account, Population, SimulatedPerson, first_days
from app.simulation.web import Web, gaps
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant

_VISITS = (1, 2, 3, 4, 6, 9)
_VISIT_WEIGHTS = (46, 24, 13, 9, 5, 3)
_FEATURES = ("dashboard", "export", "import", "alerts", "sharing", "api", "forecast")
_EVENTS_PER_90_DAYS = 4
_NETWORKS = ("linkedin", "youtube", "x")
_ACTIONS = ("like", "like", "comment", "share", "follow", "reply")


class Visitors:
    def __init__(self, feed: SimulatedFeed, company: Company, web: Web, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.web = web
        self.rng = rng

    def tell(self, population: Population) -> None:
        for visitor in population.people["visitor"]:
            self.pass_by(visitor)
        for subscriber in population.people["subscriber"]:
            self.subscribe(subscriber)
        for account in population.customers:
            self.employ(account)
        self.meet(population)

    def pass_by(self, person: SimulatedPerson) -> None:
        """Some visits from one device or several, which nobody ever connects."""
        rng = self.rng
        count = rng.choices(_VISITS, _VISIT_WEIGHTS)[0]
        day = self.company.busy_day(rng)
        if rng.random() < 0.35:
            self.web.see_banners(person.devices[0], day, rng.randrange(1, 4))
        at = self.calendar.at_leisure(day, rng)
        for gap in gaps(rng, count, 12, 24 * 16):
            self.web.session(rng.choice(person.devices), at)
            at += gap
        if rng.random() < 0.06:
            self.like(person.devices[0], at)

    def subscribe(self, person: SimulatedPerson) -> None:
        """A visit or two, then the newsletter or a download against an address, then now and then a visit."""
        rng, web = self.rng, self.web
        day = self.company.busy_day(rng)
        at = self.calendar.at_leisure(day, rng)
        device = person.devices[0]
        web.session(device, at - instant_between(2 * DAY, 9 * DAY, rng))
        at = web.session(device, at)
        intent = "newsletter" if rng.random() < 0.6 else "download"
        at = web.fill_in(device, at, f"{intent}-form", intent)
        web.name(person, device, at + SECOND, "form")
        self.consent(person, at + SECOND)
        if intent == "download":
            web.read(device, at + 20 * SECOND, 0, download=True)
        for gap in gaps(rng, rng.randrange(4), 48, 24 * 30):
            at += gap
            other = rng.choice(person.devices)
            web.session(other, at)
            if other not in person.linked and rng.random() < 0.5:
                web.name(person, other, at + MINUTE, "login")
        if rng.random() < 0.1:
            self.like(person.user, at)

    def consent(self, person: SimulatedPerson, at: Instant) -> None:
        given: Data = {"purpose": "newsletter", "basis": "consent", "text_version": "2"}
        given["evidence"] = f"form of {self.calendar.date_of(at)}"
        self.feed.send("/web", "consent_given", person.user, at, given)

    def employ(self, account: Account) -> None:
        """The people of a customer: they log in, use the product, and look at the site."""
        rng, feed = self.rng, self.feed
        for person in account.people:
            at = first_days(self.calendar, rng)
            if rng.random() < 0.15:
                at = self.calendar.at_work(self.calendar.midnight(self.company.busy_day(rng)), rng)
            person.known_at = at
            feed.send("/crm", "account_joined", person.user, at, {"account": account.id, "role": person.part})
            profile: Data = {"country": person.country, "language": person.language, "job_title": person.title}
            profile |= {"department": person.department, "seniority": person.seniority, "lead_source": "customer"}
            feed.send("/crm", "profile_updated", person.user, at + SECOND, profile)
            if rng.random() < 0.8:
                consent: Data = {"purpose": "newsletter", "basis": "contract", "text_version": "1"}
                feed.send("/crm", "consent_given", person.user, at + 2 * SECOND, consent)
            self.work(person, at)
            if rng.random() < 0.03:
                gone = at + instant_between(20 * DAY, 150 * DAY, rng)
                feed.send("/crm", "account_left", person.user, gone, {"account": account.id})
                cleared: Data = {"job_title": None, "department": None}
                feed.send("/crm", "profile_updated", person.user, gone + SECOND, cleared)

    def work(self, person: SimulatedPerson, at: Instant) -> None:
        """Logged in under their name; the device is linked at a login, now and then only weeks after it was used."""
        rng, feed = self.rng, self.feed
        device = person.devices[0]
        active = rng.random() < 0.75
        while active:
            at = self.calendar.at_work(at + instant_between(DAY, 30 * DAY, rng), rng)
            if at >= self.calendar.ends:
                break
            for _ in range(rng.randrange(1, 3)):
                used: Data = {"feature": rng.choice(_FEATURES), "count": rng.randrange(1, 30)}
                feed.send("/app", "product_used", person.user, at, used)
                at += instant_between(MINUTE, HOUR, rng)
            if rng.random() < 0.35:
                self.web.session(person.user if rng.random() < 0.5 else device, at, channel="Direct" if rng.random() < 0.6 else None)
                if rng.random() < 0.4:
                    self.web.name(person, device, at + MINUTE, "login")

    def meet(self, population: Population) -> None:
        """Webinars and one fair: about half of those who register come."""
        rng, feed, calendar = self.rng, self.feed, self.calendar
        guests = [*population.people["subscriber"], *population.people["contact"], *population.people["lead"]]
        count = max(1, calendar.days * _EVENTS_PER_90_DAYS // 90)
        for n in range(count):
            onsite = n == count // 2
            event, form = (f"fair-{n + 1}", "onsite") if onsite else (f"webinar-{n + 1}", "online")
            opens = calendar.at_work(calendar.midnight((n + 1) * calendar.days // (count + 1)) + 14 * HOUR, rng)
            for guest in rng.sample(guests, k=len(guests) // 25):
                # Who has left no name yet registers from a device.
                registers = opens - instant_between(2 * HOUR, 12 * DAY, rng)
                known = guest.known_at is not None and guest.known_at < registers
                subject = guest.user if known else guest.devices[0]
                feed.send("/events", "event_registered", subject, registers, {"event": event, "format": form})
                if rng.random() < 0.48:
                    minutes = rng.randrange(8, 60) if form == "online" else rng.randrange(60, 400)
                    attended: Data = {"event": event, "format": form, "minutes": minutes}
                    feed.send("/events", "event_attended", subject, opens + instant_between(0, 10 * MINUTE, rng), attended)

    def like(self, subject: str, at: Instant) -> None:
        post = f"post-{self.rng.randrange(1, 40)}"
        said: Data = {"network": self.rng.choice(_NETWORKS), "action": self.rng.choice(_ACTIONS), "post": post}
        self.feed.send("/social", "social_engagement", subject, at, said)
