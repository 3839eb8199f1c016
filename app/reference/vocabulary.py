"""The vocabulary as a page: every type of touchpoint with its fields, and the facts that are made of it."""

from dataclasses import MISSING, fields
from typing import Any, Final, get_type_hints

from app.reference.markdown import GENERATED, code, page, table
from app.reference.source import classes_of, field_of, in_words
from journey import touchpoints
from journey.facts import KINDS, Fact
from journey.stateless import ELSEWHERE, NOWHERE, STATELESS
from journey.touchpoints import (
    DIGITS_MAX,
    ID_LENGTH_MAX,
    LIST_LENGTH_MAX,
    NAMES,
    PEOPLE_MAX,
    TEXT_LENGTH_MAX,
    TYPES,
    About,
    Data,
    Participant,
    about_names,
    is_statement,
)

_KINDS: Final = {
    "Id": ("id", f"text of 1 to {ID_LENGTH_MAX} characters"),
    "Slug": ("name", f"text of at most {ID_LENGTH_MAX} characters"),
    "Slugs": ("names", f"list of at most {LIST_LENGTH_MAX:,} names"),
    "Text": ("text", f"text of at most {TEXT_LENGTH_MAX:,} characters"),
    "Whole": ("whole number", "integer from 0"),
    "Seconds": ("seconds", "number from 0 to 10^9"),
    "Flag": ("flag", "`true` or `false`"),
    "Number": ("number", f"decimal of at most {DIGITS_MAX} digits, as a JSON number or a text such as `\"1250.50\"`"),
    "Amount": ("amount", "number that is money of `currency`, in no smaller part than the currency has"),
    "Share": ("share", "number from 0 to 1"),
    "Currency": ("currency", "code of ISO 4217, such as `EUR`"),
    "Day": ("day", "text such as `2026-03-01`"),
    "Time": ("time", "text of RFC 3339 with a zone, such as `2026-03-01T10:00:00Z`"),
    "Subject": ("subject", "text such as `user:7`, `deal:12`, `account:acme`"),
    "PersonSubject": ("person", "subject that is `user:…` or `anon:…`"),
    "People": ("people", f"list of at most {PEOPLE_MAX} objects, each a [person of a deal](#people-of-a-deal)"),
    "Anything": ("object", "JSON object of your own"),
}  # fmt: skip

_WORDS: Final = {
    **{annotation: word for annotation, (word, _) in _KINDS.items()},
    "Any": "value", "bool": "flag", "Decimal": "number", "str": "text",
}  # fmt: skip

_INTRODUCTION = """\
A touchpoint is a [CloudEvent](https://cloudevents.io): `id`, `source`, `type`, `subject`, `time`, and the fields of its type under
`data`. This page lists every type, and `schemas/touchpoints/` has a JSON Schema for each. Fields that a type does not have are kept and
ignored."""

_FACTS = """\
*Facts* are the rows that a touchpoint makes in the [read models](facts.md). Those named here come from the type itself; `touched` and
`session_engaged` only where the [definition](definition.md) counts the type as traffic, or among those that make up sessions. What else the
definition says comes on top: a touchpoint may give points (`scored`), enter a stage (`stage_entered`), be a milestone or a conversion."""

_ABOUT = """\
Every type takes these fields too. Where a type has a field of its own with one of these names, which means something else, the name begins
with `about_` there: `about_network` of a `social_engagement` is where it was sent from, and its `network` the social network."""

_STATEMENTS = """\
A *statement* may be made again to correct it. Statements with equal fields of the *key* are one, of which the last counts: the one with the
latest `stated_at` (default: its time). Days of a period are days of the reporting zone."""


def vocabulary() -> str:
    """docs/vocabulary.md."""
    written = classes_of(touchpoints)
    parts, heading = [], ""
    for name, kind in TYPES.items():
        if (next_heading := written[kind.__name__].heading) != heading:
            heading = next_heading
            parts.append(f"## {heading[0].upper()}{heading[1:]}")
        parts += [f"### {name}", *_type(kind)]
    kinds = table(("kind", "what it is"), _KINDS.values())
    common = ["## What any touchpoint may say", _ABOUT, _table(About), "## People of a deal", _sentence(Participant), _table(Participant)]
    return page(
        "# The vocabulary", GENERATED, _INTRODUCTION, _FACTS, _STATEMENTS, "## Kinds of values", kinds, *common, *parts
    )  # fmt: skip


def facts_of(kind: type[Data]) -> tuple[list[type[Fact]], str]:
    """The kinds of facts that a touchpoint of this type makes by itself, and why it makes none."""
    if kind in STATELESS:
        return [_made(STATELESS[kind].makes)], ""
    if kind in ELSEWHERE:
        return [KINDS[ELSEWHERE[kind]]], ""
    return [], NOWHERE.get(kind, "is in no table of `journey/stateless.py` yet")


def _made(makes: Any) -> type[Fact]:
    """What the function says that it returns, None apart."""
    made = get_type_hints(makes)["return"]
    fact = made if isinstance(made, type) else next(one for one in made.__args__ if one is not type(None))
    assert issubclass(fact, tuple)
    return fact


def _type(kind: type[Data]) -> list[str]:
    facts, reason = facts_of(kind)
    told = [
        f"Subject: {code(sorted(kind.subjects))}.",
        f"Facts: {code(fact._field_defaults['kind'] for fact in facts)}." if facts else f"No facts: it {reason}.",
    ]
    if is_statement(kind):
        told.append(f"A statement; its key: {code(kind.stated_by)}.")
    return [_sentence(kind), " ".join(told), _table(kind)]


def _sentence(kind: type) -> str:
    return " ".join(classes_of(touchpoints)[kind.__name__].says.split())


def _table(kind: Any) -> str:
    own = classes_of(touchpoints)[kind.__name__].fields
    rows = []
    # What is required comes first, and what several types have in common last.
    for field in sorted(fields(kind), key=lambda one: (one.default is not MISSING, one.name not in own)):
        written = field_of(touchpoints, kind, field.name)
        name = "from" if field.name == "since" else field.name
        needed = "required" if field.default is MISSING else ""
        rows.append((f"`{name}`", in_words(written.annotation, _WORDS, touchpoints), needed, written.says))
    # What any touchpoint may say stands above, except where it has another name.
    for name, ours in about_names(kind).items() if kind in NAMES else ():
        if name != ours:
            written = field_of(touchpoints, About, ours)
            says = f"{written.says} On other types this is `{ours}`."
            rows.append((f"`{name}`", in_words(written.annotation, _WORDS, touchpoints), "", says))
    return table(("field", "kind", "", "what it says"), rows)
