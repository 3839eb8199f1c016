"""Orders: of deals, of accounts that order again, and of people who put training into a cart; some are paid back."""

from random import Random

from app.simulation.calendar import instant_between
from app.simulation.company import Company, in_currency
from app.simulation.deals import SimulatedDeal
from app.simulation.feed import Data, SimulatedFeed
from app.simulation.people import Account
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant
from journey.money import major

_ADD_ONS = (("training", 45_000), ("connectors", 30_000), ("seats", 24_000), ("workshop", 180_000))
_REASONS = ("not_used", "wrong_item", "goodwill")


class Shop:
    def __init__(self, feed: SimulatedFeed, company: Company, rng: Random) -> None:
        self.feed = feed
        self.company = company
        self.calendar = company.calendar
        self.rng = rng
        self._orders = 0

    def some_day(self) -> Instant:
        return self.calendar.at_work(self.calendar.midnight(self.company.busy_day(self.rng)) + 10 * HOUR, self.rng)

    def order(self, account: Account, at: Instant, deal: SimulatedDeal | None = None) -> None:
        rng, feed = self.rng, self.feed
        self._orders += 1
        product, cents = rng.choice(_ADD_ONS)
        amount_minor = in_currency(cents, account.currency) if deal is None else deal.amount_minor
        amount = self._amount(amount_minor, account.currency)
        subject = account.subject
        if deal is None and rng.random() < 0.35:
            subject = rng.choice(account.people).user
            at = self._browse(subject, at, product, {"value": amount["amount"], "currency": account.currency})
        order: Data = {"order": f"order-{self._orders}", **amount}
        placed: Data = {**order, "products": [product if deal is None else "platform"]}
        placed["margin"] = str(major(amount_minor * 6 // 10 // 100 * 100, account.currency))
        if deal is not None:
            placed["deal"] = deal.id
        feed.send("/billing", "order_placed", subject, at, placed)
        if rng.random() < 0.06:
            part = rng.choice((1, 1, 4))
            back: Data = {
                "order": order["order"],
                **self._amount(amount_minor // part // 100 * 100, account.currency),
                "reason": rng.choice(_REASONS),
            }
            feed.send("/billing", "refund", subject, self.calendar.at_work(at + instant_between(DAY, 25 * DAY, rng), rng), back)

    def _browse(self, subject: str, at: Instant, product: str, value: Data) -> Instant:
        """In the shop, one step after the other. Some leave with a full cart and come back for it."""
        self.feed.send("/shop", "product_viewed", subject, at, {"product": product, **value})
        at += instant_between(20 * SECOND, 5 * MINUTE, self.rng)
        self.feed.send("/shop", "cart_updated", subject, at, {"items": [product], **value})
        at += instant_between(20 * SECOND, 5 * MINUTE, self.rng) + (DAY if self.rng.random() < 0.2 else 0)
        self.feed.send("/shop", "checkout_started", subject, at, {"items": [product], **value})
        return at + instant_between(30 * SECOND, 4 * MINUTE, self.rng)

    def _amount(self, amount_minor: int, currency: str) -> Data:
        return {"amount": str(major(amount_minor, currency)), "currency": currency}
