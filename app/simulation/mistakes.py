"""What goes wrong upstream and is known there: wrong links, records taken back, robots, tests, colleagues."""

from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import Company
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Population
from app.simulation.web import Web
from journey.instants import DAY, HOUR, MINUTE, SECOND

PEOPLE_PER_ROBOT = 400
PEOPLE_PER_MISTAKE = 150

_ROBOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "AhrefsBot/7.0",
    "python-requests/2.32",
)


class Mistakes:
    def __init__(self, feed: SimulatedFeed, company: Company, web: Web, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.web = web
        self.rng = rng

    def tell(self, population: Population) -> None:
        count = self.company.customers // PEOPLE_PER_MISTAKE
        self._robots(self.company.customers // PEOPLE_PER_ROBOT)
        self._colleagues(1 + count // 4)
        contacts = population.people["contact"]
        if not contacts:
            return
        for _ in range(count):
            person = self.rng.choice(contacts)
            at = self.calendar.at_work(self.calendar.midnight(self.company.busy_day(self.rng)) + 10 * HOUR, self.rng)
            self._taken_back(person.user, at)
        for person in self.rng.sample(contacts, k=min(len(contacts), 1 + count // 3)):
            self._shared_device(person.user)

    def _robots(self, count: int) -> None:
        rng = self.rng
        for _ in range(count):
            robot = f"anon:{rng.getrandbits(48):012x}"
            at = self.calendar.at_leisure(rng.randrange(self.calendar.days), rng)
            about: Data = {"bot": True, "network": "datacenter", "agent": rng.choice(_ROBOTS)}
            for n in range(rng.randrange(8, 40)):
                url = f"https://www.tallyworks.example/docs/{n}"
                self.feed.send("/web", "page_view", robot, at + n * 300 * (SECOND // 1000), {"url": url, **about})

    def _colleagues(self, count: int) -> None:
        """Our own people on the site, and one who tries out the form."""
        rng = self.rng
        for n in range(count):
            device = f"anon:{rng.getrandbits(48):012x}"
            at = self.calendar.at_leisure(rng.randrange(self.calendar.days), rng)
            inside: Data = {"network": "internal"} if n % 2 else {"test": True}
            for path in ("/", "/pricing"):
                at += MINUTE
                page: Data = {"url": f"https://www.tallyworks.example{path}", **inside}
                self.feed.send("/web", "page_view", device, at, page)
            if "test" in inside:
                form: Data = {"form": "demo-form", "intent": "demo", **inside}
                self.feed.send("/web", "form_submitted", device, at + MINUTE, form)

    def _taken_back(self, user: str, at: int) -> None:
        """A call written to the wrong person, or an order typed twice."""
        if self.rng.random() < 0.6:
            call: Data = {
                "owner": self.company.sellers[0].id,
                "direction": "out",
                "outcome": "connected",
                "seconds": 240,
            }
            id = self.feed.send("/phone", "call", user, at, call)
            self.feed.take_back("/phone", user, id, at + instant_between(MINUTE, DAY, self.rng), "wrong person")
        else:
            order: Data = {
                "order": f"typed-{user[5:]}-{self.calendar.date_of(at)}",
                "amount": "450.00",
                "currency": "EUR",
            }
            id = self.feed.send("/billing", "order_placed", user, at, order)
            self.feed.take_back("/billing", user, id, at + instant_between(MINUTE, 2 * DAY, self.rng), "entered twice")

    def _shared_device(self, user: str) -> None:
        """Somebody logs in on a device that is not theirs; the link is undone when that is noticed."""
        device = f"anon:{self.rng.getrandbits(48):012x}"
        at = self.calendar.at_leisure(self.company.busy_day(self.rng), self.rng)
        at = self.web.session(device, at)
        self.feed.send("/web", "identified", device, at, {"other": user, "method": "login"})
        later = at + instant_between(HOUR, 6 * DAY, self.rng)
        self.feed.send("/web", "unlinked", device, later, {"other": user, "reason": "shared device"})
