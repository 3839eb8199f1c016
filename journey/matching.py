"""Whether a touchpoint's fields pass a definition's tests, compiled once into plain functions.

A test sees text without regard to case, numbers exactly, and any member of a list. What a touchpoint does not say is not filled:
it passes only `not` and `filled: false`.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from journey.definition import Match, Test, Tests
from journey.touchpoints import Participant, Touchpoint

SEARCHED_MAX = 2_000
"""How much of a text a regular expression sees, which bounds what a slow one can cost."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

Passes = Callable[[object], bool]
Said = Callable[[str], object]


class Matcher(NamedTuple):
    """A compiled `Match`. Callers dispatch on `types`; `passes` is None where the type alone decides."""

    types: frozenset[str]
    passes: Callable[[Touchpoint], bool] | None


def matcher(match: Match) -> Matcher:
    checks = [(_reader(name), passes(test)) for name, test in match.where.items()]
    if not checks:
        return Matcher(frozenset(match.types), None)
    if len(checks) == 1:
        read, check = checks[0]
        return Matcher(frozenset(match.types), lambda touch: check(read(touch)))
    return Matcher(frozenset(match.types), lambda touch: all(check(read(touch)) for read, check in checks))


def tests(tests: Tests) -> Callable[[Said], bool]:
    """All of `tests`, over whatever can say the value of a name."""
    checks = [(name, passes(test)) for name, test in tests.items()]
    return lambda said: all(check(said(name)) for name, check in checks)


def passes(test: Test) -> Passes:
    """One test, of one value."""
    parts: list[Passes] = []
    if test.is_ is not None:
        parts.append(_of_any_member(_one_of(test.is_)))
    if test.not_ is not None:
        parts.append(_negated(_of_any_member(_one_of(test.not_))))
    if test.contains is not None:
        parts.append(_of_any_member(_containing(test.contains)))
    if test.matches is not None:
        parts.append(_of_any_member(_matching(test.matches)))
    if test.at_least is not None or test.at_most is not None:
        parts.append(_of_any_member(_between(test.at_least, test.at_most)))
    if test.filled is not None:
        parts.append(_filled if test.filled else _negated(_filled))
    return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)


# --- reading a field


def _reader(name: str) -> Callable[[Touchpoint], object]:
    """Reads `status`, or inside of `properties.plan` and `traits.team.size`."""
    field, *keys = name.split(".")
    field = "since" if field == "from" else field

    def read(touch: Touchpoint) -> object:
        value = touch.says(field)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return read


# --- the tests


def _of_any_member(check: Passes) -> Passes:
    def any_member(value: object) -> bool:
        if isinstance(value, tuple | list):
            return any(check(member) for member in value)
        return check(value)

    return any_member


def _negated(check: Passes) -> Passes:
    return lambda value: not check(value)


def _one_of(values: tuple[str | bool | int | Decimal, ...]) -> Passes:
    """Equal as text or as number: a definition that was written out and read again may hold '0.5' where it held 0.5."""
    texts = frozenset(_text(value) for value in values)
    numbers = frozenset(Decimal(text) for text in texts if _NUMBER.fullmatch(text))

    def one_of(value: object) -> bool:
        if type(value) is str:
            return value in texts or value.casefold() in texts
        number = _number(value)
        return _text(value) in texts if number is None else number in numbers

    return one_of


def _containing(parts: tuple[str, ...]) -> Passes:
    folded = tuple(part.casefold() for part in parts)

    def containing(value: object) -> bool:
        text = _text(value)
        return any(part in text for part in folded)

    return containing


def _matching(pattern: str) -> Passes:
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda value: value is not None and search(value if type(value) is str else _text(value), 0, SEARCHED_MAX) is not None


def _between(at_least: Decimal | None, at_most: Decimal | None) -> Passes:
    def between(value: object) -> bool:
        number = _number(value)
        if number is None:
            return False
        return (at_least is None or number >= at_least) and (at_most is None or number <= at_most)

    return between


def _filled(value: object) -> bool:
    return value is not None and value != "" and value != () and value != [] and value != {}


def _text(value: object) -> str:
    """`value` as a definition writes it, in one case; nothing as no text that anybody writes."""
    match value:
        case str():
            return value.casefold()
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case date():
            return value.isoformat()
        case Participant():
            return value.person.casefold()
        case _:
            return "\0"


def _number(value: object) -> Decimal | None:
    """A number, exactly as it was written: a float by its shortest spelling. Text that looks like one is text."""
    match value:
        case bool():
            return None
        case Decimal():
            return value
        case int():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case _:
            return None
