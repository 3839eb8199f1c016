"""Markdown as the references have it."""

from collections.abc import Iterable, Sequence

GENERATED = "Written by `make reference` from the code: change it there."


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; "" where there is no row."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(heads), "|" + "---|" * len(heads), *lines]) if lines else ""


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in (_flat(cell) for cell in cells)) + "|"


def _flat(text: str) -> str:
    """`text` on one line, so that it fits into a cell."""
    return " ".join(text.split()).replace("|", r"\|")


def page(*parts: str) -> str:
    """A page of paragraphs, headings and tables; what is empty is left away."""
    return "\n\n".join(part for part in parts if part) + "\n"


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
