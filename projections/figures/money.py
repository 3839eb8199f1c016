"""Money of several currencies in one: each row's amount by the rate stated for its day, in whole numbers, rounded half to even.

`:currency` is the one asked for. Only stated pairs and their exact inverse are used.
"""

from typing import Final

AMOUNT_MAX = 9 * 10**18
"""Minor units, before and after: more is not converted, since SQLite would make a float of it."""

RATE_PART_MAX = 3 * 10**9
"""No larger numerator or denominator is used, so that nothing here is beyond 64 bits: a rate beyond is as none."""

_FITS = f"{{0}}.num <= {RATE_PART_MAX} AND {{0}}.den <= {RATE_PART_MAX}"

RATES_OF: Final = "rates"
"""The table that `RATES` joins."""
RATES: Final = (
    "LEFT JOIN rates AS rate ON rate.base = v.currency AND rate.quote = :currency"
    f" AND rate.day <= {{day}} AND {{day}} <= rate.until_day AND {_FITS.format('rate')}"
    " LEFT JOIN rates AS inverse ON inverse.base = :currency AND inverse.quote = v.currency"
    f" AND inverse.day <= {{day}} AND {{day}} <= inverse.until_day AND {_FITS.format('inverse')}"
)
"""Joins the rates of a row of `v` on `{day}`: a row of `rates` holds the 7 days that a stated rate is good for, or fewer."""

_NUM, _DEN = "COALESCE(rate.num, inverse.den)", "COALESCE(rate.den, inverse.num)"


def converted(amount: str) -> str:
    """`amount` of the row in `:currency`; NULL where no rate is stated. PostgreSQL's text serves both."""
    # |amount| * num / den, by the whole part of |amount| / den and what is left of it.
    left = f"(ABS({amount}) % {_DEN} * {_NUM})"
    whole = f"(ABS({amount}) / {_DEN} * {_NUM} + {left} / {_DEN})"
    rest = f"({left} % {_DEN})"
    up = f"CASE WHEN 2 * {rest} > {_DEN} OR (2 * {rest} = {_DEN} AND {whole} % 2 = 1) THEN 1 ELSE 0 END"
    sign = f"CASE WHEN {amount} < 0 THEN -1 ELSE 1 END"
    # Nothing is nothing in every currency.
    is_same = f"v.currency = :currency OR {amount} = 0"
    return f"(CASE WHEN {is_same} THEN {amount} WHEN {_DEN} IS NOT NULL AND {_fits(amount)} THEN {sign} * ({whole} + {up}) END)"


def cannot_be_converted(amount: str) -> str:
    """Whether there is no rate for the row's `amount`, or more of it than 64 bits hold in `:currency`."""
    return f"(v.currency <> :currency AND {amount} <> 0 AND ({_DEN} IS NULL OR NOT {_fits(amount)}))"


def summed(sum: str) -> str:
    """A table's `sum`, which may be beyond 64 bits, as a whole number: AMOUNT_MAX and more is what does not fit."""
    return f"CASE WHEN LENGTH(CAST({sum} AS TEXT)) > 18 THEN {2**63 - 1} ELSE CAST({sum} AS BIGINT) END"


def _fits(amount: str) -> str:
    return f"(ABS({amount}) < {AMOUNT_MAX} AND ABS({amount}) / {_DEN} < {AMOUNT_MAX} / {_NUM})"
