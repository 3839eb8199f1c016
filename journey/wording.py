"""Touchpoints and tests in words: what a reason says to a person."""

from decimal import Decimal

from journey.definition import Test
from journey.money import DECIMALS
from journey.touchpoints import Touchpoint

_SAID = ("url", "name", "form", "intent", "event", "content", "survey", "score", "feature", "lead", "outcome", "status", "objection",
         "topic", "deal", "pipeline", "stage", "plan", "mrr", "amount", "currency", "reason", "campaign", "channel", "utm_source",
         "owner")  # fmt: skip


def telling(touch: Touchpoint) -> tuple[tuple[str, str], ...]:
    """The fields that tell a reader which touchpoint it is, with their values as text."""
    values, currency = ((name, touch.says(name)) for name in _SAID), touch.says("currency")
    return tuple((name, _text(value, currency)) for name, value in values if value not in (None, "", ()))


def _text(value: object, currency: str | None) -> str:
    """An amount that was worked out has no more decimals than its currency."""
    if isinstance(value, Decimal) and currency in DECIMALS and int(value.as_tuple().exponent) < -DECIMALS[currency]:
        value = round(value, DECIMALS[currency])
    return str(value)


def said(touch: Touchpoint) -> str:
    """What `touch` says, as far as it tells a reader which one it is."""
    return " · ".join(value for _, value in telling(touch))


def tested(test: Test) -> str:
    """What `test` asks of a field."""
    parts = []
    if test.is_ is not None:
        parts.append(f"is {listed(test.is_)}")
    if test.not_ is not None:
        parts.append(f"is not {listed(test.not_)}")
    if test.contains is not None:
        parts.append(f"contains {listed(test.contains)}")
    if test.matches is not None:
        parts.append(f"matches {test.matches}")
    if test.at_least is not None:
        parts.append(f"is {test.at_least} or more")
    if test.at_most is not None:
        parts.append(f"is {test.at_most} or less")
    if test.filled is not None:
        parts.append("is filled" if test.filled else "is not filled")
    return " and ".join(parts)


def listed(values: tuple[object, ...]) -> str:
    """`call, demo or meeting`."""
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last
