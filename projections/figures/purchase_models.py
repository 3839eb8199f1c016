"""What customers who bought may be expected to buy: BG/NBD for how often, Gamma-Gamma for how much (Fader, Hardie, Lee 2005, "Counting
Your Customers the Easy Way"; Fader, Hardie 2013, "The Gamma-Gamma Model of Monetary Value").

Both are fitted by maximum likelihood to whole weeks and repeat purchases. numpy and scipy come with the extra `analysis`.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import exp, isfinite, log
from typing import Any, NamedTuple

from projections.figures.analysis import analysis

WEEKS_AHEAD = 52
"""How far ahead purchases are expected."""
LOG_MAX = 7.0
"""Parameters are sought between e^-7 and e^7: beyond that customers are all alike, and a larger one changes nothing that is seen."""
TRIES_MAX = 20_000
ODDS_LOG_MAX = 700.0
"""A float holds no much higher power of e."""
DIGITS = 4
"""So many of a number that a fit gives are told: further ones differ between machines."""


class Buyers(NamedTuple):
    """`number` customers with `repeats` purchases after the first, the last of them `recency` weeks after it, who first bought `age` weeks
    ago."""

    repeats: int
    recency: int
    age: int
    number: int


class PurchaseFit(NamedTuple):
    """BG/NBD: purchases come at rates spread by a gamma distribution (`r`, `alpha`, in weeks), and after each a customer drops out with a
    probability spread by a beta distribution (`a`, `b`)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


class ValueFit(NamedTuple):
    """Gamma-Gamma: a customer's purchases spread by `p` around a mean, which is spread by `q` and `gamma`, in minor units."""

    p: float
    q: float
    gamma: float
    log_likelihood: float


def purchase_fit(buyers: Sequence[Buyers]) -> PurchaseFit | None:
    """None where nobody has bought again, or no fit is found."""
    if not any(one.repeats for one in buyers):
        return None
    return _purchase_fit(tuple(sorted(buyers)))


@lru_cache(maxsize=64)
def _purchase_fit(buyers: tuple[Buyers, ...]) -> PurchaseFit | None:
    with analysis():
        import numpy as np
        from scipy.special import betaln, gammaln

    x, recency, age, number = (np.array(column, dtype=float) for column in zip(*buyers, strict=True))

    def log_likelihood(r: float, alpha: float, a: float, b: float) -> Any:
        rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stays = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        with np.errstate(divide="ignore"):
            again = np.log(x > 0)
        left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + recency) + again
        return rate + np.logaddexp(stays, left)

    found = _fitted(lambda *of: float(number @ log_likelihood(*of)), 4)
    return None if found is None else PurchaseFit(*found)


def value_fit(values: Sequence[tuple[int, int, int]]) -> ValueFit | None:
    """Of (repeats, sum of their amounts, customers). None where there are none to fit, or no fit is found."""
    values = [one for one in values if one[0] > 0 and one[1] > 0]
    return _value_fit(tuple(sorted(values))) if values else None


@lru_cache(maxsize=64)
def _value_fit(values: tuple[tuple[int, int, int], ...]) -> ValueFit | None:
    with analysis():
        import numpy as np
        from scipy.special import betaln

    x, amount, number = (np.array(column, dtype=float) for column in zip(*values, strict=True))
    # In parts of the mean: what is sought is then near 1 in every currency.
    unit = float(number @ amount / (number @ x))
    amount = amount / unit

    def log_likelihood(p: float, q: float, gamma: float) -> Any:
        spread = -betaln(p * x, q) + q * np.log(gamma) + (p * x - 1) * np.log(amount / x) + p * x * np.log(x)
        return spread - (p * x + q) * np.log(gamma + amount) - np.log(unit)

    found = _fitted(lambda *of: float(number @ log_likelihood(*of)), 3)
    if found is None:
        return None
    p, q, gamma, likelihood = found
    # With q of 1 or less the mean of all customers has no bound.
    return ValueFit(p, q, gamma * unit, likelihood) if q > 1 else None


def _fitted(log_likelihood: Any, number: int) -> tuple[float, ...] | None:
    """The parameters of the highest likelihood, and that; None where none is found."""
    import numpy as np
    from scipy.optimize import minimize

    def cost(logs: Any) -> float:
        found = -log_likelihood(*np.exp(logs))
        return found if np.isfinite(found) else float("inf")

    found = minimize(
        cost, np.zeros(number), method="Nelder-Mead", bounds=[(-LOG_MAX, LOG_MAX)] * number,
        options={"maxiter": TRIES_MAX, "maxfev": TRIES_MAX, "xatol": 1e-8, "fatol": 1e-8, "adaptive": True},
    )  # fmt: skip
    return (*map(float, np.exp(found.x)), -float(found.fun)) if found.success and np.isfinite(found.fun) else None


def expected_purchases(fit: PurchaseFit, one: Buyers, weeks: int = WEEKS_AHEAD) -> float:
    """How often one of such customers buys in the next `weeks` weeks."""
    from scipy.special import hyp2f1

    r, alpha, a, b = fit[:4]
    x = one.repeats
    # The formula has a gap at a = 1.
    a = a if abs(a - 1) > 1e-6 else 1 + 1e-6
    z = weeks / (alpha + one.age + weeks)
    # The published series, else by Euler's transformation: one has no number where r is large, the other where a is.
    series = (1 - z) ** (r + x) * float(hyp2f1(r + x, b + x, a + b + x - 1, z))
    if not isfinite(series):
        series = (1 - z) ** (a - 1) * float(hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z))
    bought: float = (a + b + x - 1) / (a - 1) * (1 - series)
    return bought * still_active(fit, one)


def still_active(fit: PurchaseFit, one: Buyers) -> float:
    """How probable it is that one of such customers has not dropped out."""
    r, alpha, a, b = fit[:4]
    if not one.repeats:
        return 1.0
    odds = log(a / (b + one.repeats - 1)) + (r + one.repeats) * log((alpha + one.age) / (alpha + one.recency))
    return 1 / (1 + exp(min(odds, ODDS_LOG_MAX)))


def rounded(value: float) -> Fraction:
    """To the digits that are told."""
    return Fraction(f"{value:.{DIGITS}g}")
