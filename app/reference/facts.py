"""The kinds of facts as a page: the fields of each, and which tables of the read models hold it."""

from typing import Final

from app.reference.markdown import GENERATED, code, page, table
from app.reference.source import classes_of, field_of, in_words
from app.reference.vocabulary import facts_of
from journey import facts
from journey.facts import KINDS, Fact
from journey.touchpoints import TYPES
from projections.marketing import marketing
from projections.sales import sales

_WORDS: Final = {"str": "text", "int": "integer", "Instant": "instant", "Micros": "microseconds", "Touch": "touch", "Key": "touchpoint"}

_INTRODUCTION = """\
A fact is a small dated row that a journey asserts. Facts add up, and can be taken back. A read model consists of tables, each of which
keeps one kind of fact, all fields of it or some. An *instant* (such as `at`) is a number of microseconds since 1970-01-01T00:00:00Z, and
its day is that of the reporting zone. What is not known is `''` or 0; a whole number or a length of time that is not stated is -1. Under
each kind stand the touchpoint types of the [vocabulary](vocabulary.md) that make it by themselves; the others come of what the
[definition](definition.md) says."""


def facts_page() -> str:
    """docs/facts.md."""
    return page("# Facts", GENERATED, _INTRODUCTION, *(part for name, kind in KINDS.items() for part in _section(name, kind)))


def _section(name: str, kind: type[Fact]) -> list[str]:
    made_of = [type_name for type_name, data in TYPES.items() if kind in facts_of(data)[0]]
    tables = [f"`{model.name}.{one.name}`" for model in (marketing, sales) for one in model.tables if one.of is kind]
    told = [f"Made of {code(made_of)}." if made_of else "", f"Kept in {', '.join(tables)}." if tables else "In no table of its own."]
    return [f"## {name}", classes_of(facts)[kind.__name__].says, " ".join(one for one in told if one), _fields(kind)]


def _fields(kind: type[Fact]) -> str:
    rows = []
    for name in kind._fields[:-1]:
        source = field_of(facts, kind, name)
        words = "what will be: facts of their own kinds" if name == "ahead" else in_words(source.annotation, _WORDS, facts)
        rows.append((f"`{name}`", words))
    return table(("field", "kind"), rows)
