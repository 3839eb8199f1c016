"""The models of customers who buy again give published numbers, and find what a simulation was made by."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from projections.figures.purchase_models import Buyers, PurchaseFit, expected_purchases, purchase_fit, still_active, value_fit

CDNOW = PurchaseFit(0.243, 4.414, 0.793, 2.426, -9582.4)
"""Fader, Hardie, Lee 2005, table 2."""


def test_a_published_customer_is_expected_to_buy_as_published() -> None:
    # Fader, Hardie: "Creating an RF summary", the note on BG/NBD in Excel: of x = 2, t_x = 30.43, T = 38.86, 1.226 in 39 weeks.
    customer: Any = SimpleNamespace(repeats=2, recency=30.43, age=38.86)
    assert expected_purchases(CDNOW, customer, 39) == pytest.approx(1.226, abs=5e-4)
    assert still_active(CDNOW, customer) == pytest.approx(0.7266, abs=5e-4)


def simulated(fit: PurchaseFit, number: int) -> list[Buyers]:
    random, found = np.random.default_rng(7), Counter[tuple[int, int, int]]()
    for _ in range(number):
        rate, leaves, age = random.gamma(fit.r, 1 / fit.alpha), random.beta(fit.a, fit.b), random.uniform(40, 100)
        at, repeats, last = random.exponential(1 / rate), 0, 0.0
        while at <= age:
            repeats, last = repeats + 1, at
            if random.random() < leaves:
                break
            at += random.exponential(1 / rate)
        found[repeats, int(last), int(age)] += 1
    return [Buyers(*one, times) for one, times in found.items()]


def test_the_fit_finds_what_customers_were_simulated_by() -> None:
    found = purchase_fit(simulated(PurchaseFit(0.8, 6, 0.8, 2.5, 0), 4_000))
    assert found is not None
    assert found.r == pytest.approx(0.8, rel=0.15)
    assert found.alpha == pytest.approx(6, rel=0.15)
    assert found.a / found.b == pytest.approx(0.8 / 2.5, rel=0.15)


def test_the_fit_of_values_finds_what_they_were_simulated_by() -> None:
    random = np.random.default_rng(7)
    values = []
    for _ in range(4_000):
        mean, orders = 1 / random.gamma(3.5, 1 / 1_500), int(random.poisson(3)) + 1
        values.append((orders, int(random.gamma(6 * orders, mean)), 1))
    found = value_fit(values)
    assert found is not None
    assert found.q == pytest.approx(3.5, rel=0.15)
    assert found.p * found.gamma == pytest.approx(6 * 1_500, rel=0.15), "sums of a customer tell little about p and gamma apart"
    assert found.p * found.gamma / (found.q - 1) == pytest.approx(6 * 1_500 / 2.5, rel=0.05), "the mean of all"


def test_the_order_of_what_is_fitted_is_of_no_matter_and_nobody_again_is_no_fit() -> None:
    some = simulated(CDNOW, 300)
    assert purchase_fit(some) == purchase_fit(some[::-1])
    assert purchase_fit([one for one in some if not one.repeats]) is None
