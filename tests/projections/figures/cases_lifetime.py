"""Golden cases of customers who buy again. Numbers of fits are those of `purchase_models`, which its own test holds to published ones."""

from fractions import Fraction
from typing import Any

from tests.projections.figures.cases import Case
from tests.projections.figures.tables import Rows


def order(person: str, on: str, amount_minor: int = 1_000, currency: str = "EUR") -> dict[str, Any]:
    return {"subject": person, "order_id": f"{on} {amount_minor}", "at": on, "amount_minor": amount_minor, "currency": currency}


def customers(number: int, *orders: tuple[str, int], first: int = 0, currency: str = "EUR") -> list[dict[str, Any]]:
    return [order(f"user:{first + nth}", on, amount, currency) for nth in range(number) for on, amount in orders]


FEW: Rows = {
    "orders": [*customers(1, ("2026-01-05", 500), ("2026-02-02", 900)), order("user:9", "2026-02-02"), order("user:9", "2026-02-02 09:00")]
}
"""Two orders of one day are one purchase."""
MANY: Rows = {
    "orders": [
        *customers(30, ("2026-01-05", 500)),
        *customers(10, ("2026-01-05", 500), ("2026-02-02", 900), ("2026-03-02", 1_100), first=100),
        *customers(5, ("2026-02-02", 500), ("2026-06-08", 3_000), first=200),
        *customers(2, ("2026-02-02", 500), ("2026-06-08", 3_000), first=300, currency="USD"),
        # After the question.
        *customers(1, ("2026-08-01", 500), first=400),
    ]
}
CASES = (
    Case("who ordered", "buyers", MANY, {(): 47}),
    Case("10 + 5 + 2 of 47", "bought_again", MANY, {(): Fraction(17, 47)}),
    Case("two orders of one day are none again: 1 of 2", "bought_again", FEW, {(): Fraction(1, 2)}),
    Case("one who bought again says nothing of the future", "expected_purchases", FEW, {(): None}),
    Case("all but some who came once", "still_active", MANY, {(): Fraction("35.99")}),
    Case("of 47, of whom 17 bought again 27 times in half a year", "expected_purchases", MANY, {(): Fraction("19.29")}),
    Case(
        "ten of 1,000 each, five of 3,000; of too few in dollars none",
        "expected_order_value",
        MANY,
        {("EUR",): 1_651, ("USD",): None},
    ),
    Case("they buy at alike rates, as far as can be told", "purchase_r", MANY, {(): Fraction("0.318")}),
    Case("0.318 / 7.67 purchases a week", "purchase_alpha", MANY, {(): Fraction("7.67")}),
    Case("they leave with a probability of 755.7 in 755.7 + 1,097", "dropout_a", MANY, {(): Fraction("755.7")}),
    Case("which is the same for all: it is at its bound", "dropout_b", MANY, {(): 1_097}),
    Case("how well it fits", "purchase_log_likelihood", MANY, {(): Fraction("-125.7")}),
)
