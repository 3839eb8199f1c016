"""What must hold of every figure that is registered: a test asks it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from journey.touchpoints import TYPES, field_names
from projections.figures.figure import Figure, Section
from projections.figures.measures import Credited
from projections.figures.periods import PERIODS

_NOT_BOTH = re.compile(r"::|\b(LOWER|UPPER|GENERATE_SERIES|STRFTIME|DATE_TRUNC|ILIKE|JSON\w*|ROUND|LIMIT)\b|->", re.IGNORECASE)
"""What SQLite and PostgreSQL understand differently, or one of them not at all."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def problems(sections: Iterable[Section]) -> list[str]:
    """In words; none where all is well."""
    sections = tuple(sections)
    figures = list(dict.fromkeys(figure for section in sections for figure in section.figures))
    # Whoever names a section may name a group instead.
    of_sections = [name for section in sections for name in (section.name, *([section.opens.name] if section.opens else []))]
    names = Counter(of_sections), Counter([figure.name for figure in figures])
    twice = [f"{name}: two of this name" for counted in names for name, times in counted.items() if times > 1]
    return twice + [f"{figure.name}: {problem}" for figure in figures for problem in _problems(figure)]


def _problems(figure: Figure) -> Iterator[str]:
    if not _NAME.fullmatch(figure.name):
        yield "the name is lower case, with underscores"
    if not all((figure.says, figure.formula, figure.unit, figure.source, figure.reads)):
        yield "it says something, and has a formula, a unit, a source and what it reads"
    if figure.unit == "money" and not figure.is_money:
        yield "money is a total of a column that ends in _minor"
    for sql in (figure.of.sql, *(one.column + " " + one.join for one in figure.by)):
        for word in _NOT_BOTH.findall(sql):
            yield f"{word or 'an operator'} does not mean the same in both databases"
    doubled = [name for name, times in Counter(one.name for one in figure.by).items() if times > 1 or name in PERIODS]
    if doubled:
        yield f"dimensions are named once, and not as periods are: {', '.join(doubled)}"
    if isinstance(figure.measure, Credited):
        if any(one.many for one in figure.by):
            yield "a path cannot be credited by a dimension in which a row is in several groups"
        if not figure.of.unit:
            yield "a path is credited for each unit of the view"
    for read in figure.reads:
        if not _is_in_vocabulary(read):
            yield f"{read!r} is no touchpoint field"


def _is_in_vocabulary(read: str) -> bool:
    """ "ad_click", "close.outcome", or "*.channel", which any touchpoint may say."""
    name, _, field = read.partition(".")
    if name == "*":
        return all(field in field_names(kind) for kind in TYPES.values())
    return name in TYPES and (not field or field in field_names(TYPES[name]))
