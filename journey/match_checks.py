"""What is wrong with a match: types and fields that are not in the vocabulary, and values that a field can't have."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from journey.definition import Definition, Match, Test
from journey.problems import Place, Problem, meant
from journey.touchpoints import TYPES, field_types, plain_types

PATTERN_LENGTH_MAX = 500

_REASONS = {
    "lead_rejected": "reject",
    "lead_recycled": "recycle",
    "lead_disqualified": "disqualify",
    "close": "loss",
    "contract_ended": "churn",
}


def problems_of_match(match: Match, place: Place, who: str, reach: frozenset[str], definition: Definition) -> Iterator[Problem]:
    for index, name in enumerate(match.types):
        yield from problems_of_type(name, (*place, "types", index), f"{who} needs", reach)
    types = [name for name in match.types if name in TYPES]
    held = [field_types(TYPES[type]) for type in types]
    for name, test in match.where.items():
        here = (*place, "where", name)
        head, _, inside = name.partition(".")
        fields = [one[head] for one in held if head in one]
        yield from problems_of_test(test, here, f"{who}: {name}")
        if types and not fields:
            known = sorted({field for one in held for field in one})
            lack = "lacks" if len(types) == 1 else "lack"
            yield Problem(here, f"{who} tests field {name!r}, which {' and '.join(types)} {lack}{meant(head, known)}")
        elif inside and not any(_holds_anything(field) for field in fields):
            yield Problem(
                here, f"{who} tests {name!r}, but there is nothing inside {head!r}; only properties and traits have keys of their own"
            )
        elif fields and not inside:
            yield from _values(test, here, f"{who}: {name}", fields, _listed(definition, match.types, head))


def problems_of_type(name: str, place: Place, who: str, reach: frozenset[str]) -> Iterator[Problem]:
    if name not in TYPES:
        yield Problem(place, f"{who} touchpoint type {name!r}, which is not in the vocabulary{meant(name, TYPES)}")
    elif not TYPES[name].subjects & reach:
        about = " or ".join(sorted(TYPES[name].subjects))
        yield Problem(place, f"{who} touchpoint type {name!r}, which is about a {about} and is in no person's history")


def problems_of_test(test: Test, place: Place, who: str) -> Iterator[Problem]:
    if test == Test():
        yield Problem(place, f"{who} is tested for nothing; write what it has to be")
    if test.is_ == ():
        yield Problem(place, f"{who} has to be one of an empty list, so it never is")
    if test.at_least is not None and test.at_most is not None and test.at_least > test.at_most:
        yield Problem(place, f"{who} has to be at least {test.at_least} and at most {test.at_most}, which nothing is")
    if test.matches is not None:
        yield from problems_of_pattern(test.matches, (*place, "matches"), who)


def _values(test: Test, place: Place, who: str, fields: list[Any], listed: tuple[str, Sequence[str]] | None) -> Iterator[Problem]:
    """What `test` compares a field with, against what the field can be: in the vocabulary, and in the definition's own lists."""
    allowed = [_allowed(field) for field in fields]
    known = None if None in allowed else sorted({value for values in allowed for value in values or ()})
    for value in (*(test.is_ or ()), *(test.not_ or ())):
        text = str(value).casefold()
        if known is not None and text not in known:
            yield Problem(place, f"{who} can't be {str(value)!r}: it is one of {', '.join(known)}{meant(text, known)}")
        if listed is not None and text not in (name.casefold() for name in listed[1]):
            yield Problem(place, f"{who} is compared with {str(value)!r}, which is not in {listed[0]}{meant(text, listed[1])}")
    if (test.at_least is not None or test.at_most is not None) and not any(_is_number(field) for field in fields):
        yield Problem(place, f"{who} is no number, so it is neither at least nor at most one")


def _listed(definition: Definition, types: Sequence[str], field: str) -> tuple[str, Sequence[str]] | None:
    """The definition's own list that the values of a field are from, and its name."""
    if field in ("topic", "topics", "answers") or (field == "category" and "support_ticket" in types):
        return "topics", definition.topics
    if field == "reason" and all(name in _REASONS for name in types):
        lists = [_REASONS[name] for name in types]
        return " or ".join(f"reasons.{name}" for name in lists), [reason for name in lists for reason in getattr(definition.reasons, name)]
    if field == "pipeline":
        return "pipelines", [pipeline.name for pipeline in definition.pipelines]
    if field == "stage" and all(name.startswith("deal_") for name in types):
        return "the stages of any pipeline", [stage.name for pipeline in definition.pipelines for stage in pipeline.stages]
    return None


# --- the fields of the vocabulary


def _allowed(annotation: Any) -> list[str] | None:
    """All that a field can be, where that is a closed list."""
    values: list[str] = []
    for one in plain_types(annotation):
        if one is bool:
            values += ["true", "false"]
        elif get_origin(one) is Literal:
            values += get_args(one)
        else:
            return None
    return values


def _is_number(annotation: Any) -> bool:
    return any(one in (int, float, Decimal, Any) for one in plain_types(annotation))


def _holds_anything(annotation: Any) -> bool:
    return Any in plain_types(annotation)


# --- regular expressions


def problems_of_pattern(pattern: str, place: Place, who: str) -> Iterator[Problem]:
    if len(pattern) > PATTERN_LENGTH_MAX:
        yield Problem(place, f"{who}: a regular expression of {len(pattern)} characters; the most is {PATTERN_LENGTH_MAX}")
        return
    try:
        re.compile(pattern)
    except re.error as error:
        yield Problem(place, f"{who}: {pattern!r} is not a regular expression: {error}")
    else:
        if _repeats_repeats(pattern):
            yield Problem(
                place, f"{who}: {pattern!r} repeats a group that repeats, which can take for ever; write it without one of the two"
            )


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]|[*+]|\{\d*,?\d*\}|.", re.DOTALL)


def _repeats_repeats(pattern: str) -> bool:
    """Whether a group that holds a repeat is itself repeated, without end, such as `(a+)+`: what makes an expression exponentially slow."""
    groups, closed = [False], False
    for part in _PART.findall(pattern):
        repeat = part in ("*", "+") or (part[0] == "{" and part.endswith(",}"))
        if repeat and closed:
            return True
        closed = False
        if part == "(":
            groups.append(False)
        elif part == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] = groups[-1] or closed
        elif repeat:
            groups[-1] = True
    return False
