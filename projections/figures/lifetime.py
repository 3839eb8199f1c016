"""Customers who buy again: how many do, and what may be expected of them by models that are fitted to what they did."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from journey.instants import DAY
from projections.figures.figure import Figure
from projections.figures.measures import Computed, Measured, Outcome, computed, count, ratio
from projections.figures.orders import WHOSE
from projections.figures.purchase_models import (
    WEEKS_AHEAD,
    Buyers,
    PurchaseFit,
    ValueFit,
    expected_purchases,
    purchase_fit,
    rounded,
    still_active,
    value_fit,
)
from projections.figures.views import View

WEEK = 7 * DAY
AGAIN_MIN = 10
"""How many customers of a group must have bought again for a fit: of fewer it would say nothing."""
_DIGITS_MAX = 19

buyers = View(
    "customers who bought",
    f"SELECT subject, COUNT(DISTINCT day) - 1 AS repeats, (MAX(at) - MIN(at)) / {WEEK} AS recency, (:until - MIN(at)) / {WEEK} AS age,"
    " 1 AS n FROM orders WHERE at <= :until GROUP BY subject",
    unit=("subject",),
    tables=("orders",),
)


def _three_digits(amount: str) -> str:
    """`amount`, which is above 0, to the nearest with three digits and noughts: there are few of these, however many customers."""
    steps = ((10 ** (digits - 1), 10 ** (digits - 3)) for digits in range(_DIGITS_MAX, 3, -1))
    whens = " ".join(f"WHEN {amount} >= {least} THEN ({amount} + {step // 2}) / {step} * {step}" for least, step in steps)
    return f"CASE {whens} ELSE {amount} END"


_LATER_ORDERS = (
    "SELECT o.subject, o.currency, COUNT(*) AS orders, CAST(SUM(o.amount_minor) AS BIGINT) AS amount"
    " FROM orders AS o JOIN (SELECT subject, MIN(day) AS first_on FROM orders WHERE at <= :until GROUP BY subject) AS f"
    " ON f.subject = o.subject AND o.day > f.first_on WHERE o.at <= :until AND o.amount_minor > 0 GROUP BY o.subject, o.currency"
)
later_orders = View(
    "orders after the first day, by customer and currency",
    f"SELECT subject, currency, orders, {_three_digits('(amount / orders)')} AS mean_minor, 1 AS n FROM ({_LATER_ORDERS}) AS b",
    unit=("subject", "currency"),
    tables=("orders",),
)

_ORDER = ("order_placed.order",)
_SOURCE = "Fader, Hardie, Lee 2005: BG/NBD, by maximum likelihood, in weeks"
_VALUE_SOURCE = "Fader, Hardie 2013: Gamma-Gamma, by maximum likelihood"
_EACH = f" Each group is fitted by itself; with fewer than {AGAIN_MIN} who bought again there is no number."


def _by_group(rows: Sequence[Measured]) -> Mapping[tuple[str, ...], list[Measured]]:
    found: dict[tuple[str, ...], list[Measured]] = defaultdict(list)
    for row in rows:
        found[row.group].append(row)
    return found


def _of_purchases(come_to: Callable[[PurchaseFit, Sequence[Buyers]], float]) -> Computed:
    def function(rows: Sequence[Measured]) -> dict[tuple[str, ...], Outcome]:
        found = {}
        for group, some in _by_group(rows).items():
            those = [Buyers(int(repeats), int(recency), int(age), row.n) for row in some for repeats, recency, age in [row.values]]
            fit = purchase_fit(those) if sum(one.number for one in those if one.repeats) >= AGAIN_MIN else None
            value = None if fit is None else come_to(fit, those)
            number = 0 if fit is None else sum(row.n for row in some)
            # At the bounds of the parameters the formulas may give none.
            found[group] = Outcome(None if value is None or not isfinite(value) else rounded(value), number)
        return found

    return computed(function, "repeats", "recency", "age")


def _of_values(come_to: Callable[[ValueFit], float]) -> Computed:
    def function(rows: Sequence[Measured]) -> dict[tuple[str, ...], Outcome]:
        found = {}
        for group, some in _by_group(rows).items():
            values = [(int(orders), int(orders) * int(mean), row.n) for row in some for orders, mean in [row.values]]
            number = sum(row.n for row in some)
            fit = value_fit(values) if number >= AGAIN_MIN else None
            found[group] = Outcome(None, 0) if fit is None else Outcome(rounded(come_to(fit)), number)
        return found

    return computed(function, "orders", "mean_minor")


def _summed(each: Callable[[PurchaseFit, Buyers], float]) -> Callable[[PurchaseFit, Sequence[Buyers]], float]:
    return lambda fit, those: sum(one.number * each(fit, one) for one in sorted(those))


def _fitted(name: str, says: str, unit: str, come_to: Callable[[PurchaseFit, Sequence[Buyers]], float], formula: str) -> Figure:
    return Figure(
        name=name, says=says + _EACH, formula=formula, unit=unit, source=_SOURCE, of=buyers, dated=None, by=WHOSE,
        measure=_of_purchases(come_to), reads=_ORDER,
    )  # fmt: skip


def _parameter(name: str) -> Callable[[Any, Sequence[Buyers]], float]:
    return lambda fit, _: float(getattr(fit, name))


LIFETIME = (
    Figure(
        name="buyers",
        says="Customers who have ordered.",
        formula="number of people and accounts with an order",
        unit="customers",
        source="docs/orders.md",
        of=buyers,
        dated=None,
        by=WHOSE,
        measure=count(),
        reads=_ORDER,
    ),
    Figure(
        name="bought_again",
        says="Of the customers who have ordered, the share that ordered again on another day.",
        formula="customers with orders on two days or more / customers with an order",
        unit="share",
        source="docs/orders.md",
        of=buyers,
        dated=None,
        by=WHOSE,
        measure=ratio(count("v.repeats > 0"), count()),
        reads=_ORDER,
    ),
    _fitted(
        "still_active",
        "How many of the customers who have ordered may be expected to be customers still.",
        "customers",
        _summed(still_active),
        "sum over customers of P(alive), by BG/NBD",
    ),
    _fitted(
        "expected_purchases",
        f"On how many days the customers who have ordered may be expected to order again in the next {WEEKS_AHEAD} weeks.",
        "purchases",
        _summed(expected_purchases),
        f"sum over customers of E[purchases in {WEEKS_AHEAD} weeks], by BG/NBD",
    ),
    Figure(
        name="expected_order_value",
        says="What a further order of one who orders again may be expected to come to: the mean of all such customers." + _EACH,
        formula="p x gamma / (q - 1), by Gamma-Gamma; means of customers to three digits",
        unit="money",
        source=_VALUE_SOURCE,
        of=later_orders,
        dated=None,
        by=WHOSE,
        measure=_of_values(lambda fit: fit.p * fit.gamma / (fit.q - 1)),
        reads=("order_placed.amount", "order_placed.currency"),
    ),
)
FIT = (
    _fitted(
        "purchase_r",
        "The fit of how often customers buy: the shape of how their rates are spread.",
        "ratio",
        _parameter("r"),
        "r of BG/NBD",
    ),
    _fitted(
        "purchase_alpha",
        "The fit of how often customers buy: the scale of how their rates are spread, in weeks.",
        "ratio",
        _parameter("alpha"),
        "alpha of BG/NBD",
    ),
    _fitted(
        "dropout_a",
        "The fit of when customers leave: the first shape of how the probability to leave after a purchase is spread.",
        "ratio",
        _parameter("a"),
        "a of BG/NBD",
    ),
    _fitted(
        "dropout_b",
        "The fit of when customers leave: the second shape of how the probability to leave after a purchase is spread.",
        "ratio",
        _parameter("b"),
        "b of BG/NBD",
    ),
    _fitted(
        "purchase_log_likelihood",
        "How well the fit describes what customers bought: the higher, the better, of the same customers.",
        "ratio",
        _parameter("log_likelihood"),
        "log-likelihood of BG/NBD",
    ),
)
