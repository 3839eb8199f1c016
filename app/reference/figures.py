"""The figures as a page: each with what `journey figures NAME` says of it, and what the dimensions are."""

import re
from collections.abc import Iterator
from typing import Final

from app.reference.markdown import GENERATED, code, page, table
from app.text.figures import described
from projections.figures import sections
from projections.figures.catalogue import FigureEntry, entries
from projections.figures.figure import Section

_INTRODUCTION: Final = """\
A figure is one number that marketing or sales asks for. Here are all of them, by the sections of the two reports; `journey figures` lists
them in a terminal, and `journey figures --json` as data. [How to ask](asking.md) says what the options of `journey report` do."""

_EXPLANATION: Final = """\
*As of* says at what a figure can be cut: at any instant, or at ends of days of the reporting zone. By a *dimension* it can be broken down
(`--by`) and filtered (`--where`), by a *period* broken down only. It *reads* these fields of [touchpoints](vocabulary.md): of each type
first the one without which the type adds nothing; `*` is any type. *The instant asked until* is that of `--until`, by default now."""

_DIMENSIONS: Final = """\
What a dimension says. Where it is not the same for all figures, those that it is said of are named."""


def figures_page() -> str:
    """docs/figures.md."""
    listed = entries()
    in_full: dict[str, FigureEntry] = {}
    parts: list[str] = []
    for section in sections.SECTIONS:
        parts += _section(section, [entry for entry in listed if (entry.model, entry.section) == (section.model, section.name)], in_full)
    return page("# Figures", GENERATED, _INTRODUCTION, _EXPLANATION, *parts, "## Dimensions", _DIMENSIONS, _dimensions(listed))


def _section(section: Section, members: list[FigureEntry], in_full: dict[str, FigureEntry]) -> Iterator[str]:
    """`in_full` are the figures that stand above already, since a figure may be in a section of either report."""
    yield f"## {section.model} {section.name}"
    groupings = ["as a whole" if not by else f"by {' and '.join(by)}" for by in section.shown_by]
    yield f"{section.title}. `journey report {section.model} {section.name}` shows it {', '.join(groupings)}, as far as its figures can."
    above = [entry.name for entry in members if entry.name in in_full]
    if above:
        yield f"In it are, from above, {', '.join(f'[{name}](#{name})' for name in above)}."
    for entry in members:
        if entry.name not in in_full:
            in_full[entry.name] = entry
            yield from _figure(entry)


def _figure(entry: FigureEntry) -> Iterator[str]:
    yield f"### {entry.name}"
    yield entry.says
    rows = [(name, _linked(name, text)) for name, text in described(entry) if name not in ("figure", "says", "shown by")]
    yield table(("", ""), rows)


def _linked(name: str, text: str) -> str:
    match name:
        case "source":
            return re.sub(r"\b(definition|vocabulary):", r"[\1](\1.md):", re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](\1)", text))
        case "dimensions" | "reads" if text != "none":
            return code(text.split(", "))
        case _:
            return text


def _dimensions(listed: list[FigureEntry]) -> str:
    said: dict[str, dict[str, list[str]]] = {}
    for entry in listed:
        for name, words in entry.dimensions.items():
            said.setdefault(name, {}).setdefault(words, []).append(entry.name)
    rows = [
        (f"`{name}`", words, code(dict.fromkeys(figures)) if len(said[name]) > 1 else "")
        for name in sorted(said)
        for words, figures in said[name].items()
    ]
    return table(("dimension", "what it says", "of"), rows)
