"""Numbers that are no money, as facts hold them: the text as stated, and whole parts of one that databases can add up."""

from decimal import ROUND_HALF_EVEN, Decimal

from journey.money import AMOUNT_MINOR_MAX

THOUSANDTHS, MILLIONTHS = 3, 6
"""How many decimals are exact in whole parts; what is finer is rounded, half to even."""

UNKNOWN = -1
"""A whole number that is not stated, where none can be less than 0."""


def known(number: int | None) -> int:
    return UNKNOWN if number is None else number


def plain_text(number: Decimal | None) -> str:
    """`number` without exponent and trailing zeros; "" where there is none."""
    return "" if number is None else format(number.normalize(), "f") if number else "0"


def whole_parts(number: Decimal, decimals: int) -> int:
    """`number` in parts of ten to the power of minus `decimals`; at most ±AMOUNT_MINOR_MAX, so that it fits into 64 bits."""
    whole: int = int(number.scaleb(decimals).to_integral_value(ROUND_HALF_EVEN))
    return whole if abs(whole) <= AMOUNT_MINOR_MAX else AMOUNT_MINOR_MAX if whole > 0 else -AMOUNT_MINOR_MAX
