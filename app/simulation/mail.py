"""Mail to those who left an address: sent, delivered or bounced, opened by people and machines, clicked, enough."""

from random import Random

from app.simulation.calendar import THURSDAY, TUESDAY, instant_between
from app.simulation.company import Campaign, Company
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Population, SimulatedPerson
from app.simulation.web import SITE, Web
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant

NEWSLETTER_EVERY_WEEKS = 2
PRODUCT_NEWS_EVERY_WEEKS = 5
NURTURE_AFTER_DAYS = (3, 10)

BOUNCES = 0.022
OPENS = 0.23
MACHINE_OPENS = 0.14
CLICKS = 0.023
UNSUBSCRIBES = 0.0025
COMPLAINTS = 0.0008


class Mail:
    def __init__(self, feed: SimulatedFeed, company: Company, web: Web, rng: Random) -> None:
        self.feed = feed
        self.calendar = company.calendar
        self.campaigns = company.campaigns
        self.web = web
        self.rng = rng

    def tell(self, population: Population) -> None:
        """To each person in turn: who unsubscribes, or whose address is dead, gets nothing more."""
        people = population.people
        nine = 9 * HOUR
        newsletter = [self.calendar.midnight(day) + nine for day in self.calendar.each(TUESDAY, NEWSLETTER_EVERY_WEEKS)]
        product_news = [self.calendar.midnight(day) + nine for day in self.calendar.each(THURSDAY, PRODUCT_NEWS_EVERY_WEEKS)]
        for person in (*people["subscriber"], *people["lead"], *people["contact"]):
            if person.known_at is None:
                continue
            letters = [(at, "newsletter") for at in newsletter]
            if person.role == "contact":
                letters += [(at, "product-news") for at in product_news]
            elif person.role == "lead":
                letters += [(person.known_at + days * DAY, "nurture") for days in NURTURE_AFTER_DAYS]
            for at, name in sorted(letters):
                if at > person.known_at and not self.write(person, at, self.campaigns[name]):
                    break

    def write(self, person: SimulatedPerson, at: Instant, campaign: Campaign) -> bool:
        """One message to one person; whether another may follow."""
        rng, feed = self.rng, self.feed
        letter: Data = {"message": f"{campaign.id}-{self.calendar.date_of(at)}", "campaign": campaign.id}
        at += instant_between(0, 20 * MINUTE, rng)
        feed.send("/mailer", "email_sent", person.user, at, letter)
        at += instant_between(SECOND, 40 * SECOND, rng)
        if rng.random() < BOUNCES:
            hard = rng.random() < 0.3
            feed.send("/mailer", "email_bounced", person.user, at, {**letter, "kind": "hard" if hard else "soft"})
            return not hard
        feed.send("/mailer", "email_delivered", person.user, at, letter)
        if rng.random() < MACHINE_OPENS:
            fetched = at + instant_between(SECOND, 5 * MINUTE, rng)
            feed.send("/mailer", "email_opened", person.user, fetched, {**letter, "machine": True})
        if rng.random() < OPENS:
            at += instant_between(2 * MINUTE, 30 * HOUR, rng)
            feed.send("/mailer", "email_opened", person.user, at, {**letter, "machine": False})
            if rng.random() < CLICKS / OPENS:
                self._click(person, at + instant_between(2 * SECOND, MINUTE, rng), letter, campaign)
        final = rng.random()
        if final < COMPLAINTS:
            feed.send("/mailer", "email_complained", person.user, at + MINUTE, letter)
        if final < UNSUBSCRIBES:
            feed.send("/mailer", "email_unsubscribed", person.user, at + 2 * MINUTE, letter)
            withdrawn: Data = {"purpose": "newsletter", "basis": "consent", "text_version": "2"}
            feed.send("/crm", "consent_withdrawn", person.user, at + 3 * MINUTE, withdrawn)
            return False
        return True

    def _click(self, person: SimulatedPerson, at: Instant, letter: Data, campaign: Campaign) -> None:
        rng = self.rng
        self.feed.send("/mailer", "email_clicked", person.user, at, {**letter, "url": f"{SITE}/blog"})
        if rng.random() < 0.15:
            second: Data = {**letter, "url": f"{SITE}/pricing"}
            self.feed.send("/mailer", "email_clicked", person.user, at + 40 * SECOND, second)
        device = rng.choice(person.devices)
        end = self.web.session(device, at + 2 * SECOND, campaign=campaign)
        if rng.random() < 0.8:
            self.web.name(person, device, end, "email_click")
