"""Prints what a dry run would take in, as text or JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.text import Text

from app.text.ingest import left_out, left_out_of, noticed_rows
from app.text.printing import as_json, at_terminal, counts, note, put, table
from projections.figures.catalogue import FigureEntry, computable, entries
from projections.figures.figure import Model
from schemas.csv_cell import quoted
from schemas.dry_run import DryRun

FIELDS_SHOWN_MAX = 12
VALUE_SHOWN_MAX = 60

UNFILLED_SHOWN_MAX = 12

UNKNOWN_SHOWN_MAX = 12
"""So many texts of a field that a map does not know are shown; --json has more."""


def dry_run(run: DryRun, *, json: bool) -> None:
    if json:
        as_json(told(run))
        return
    table("Touchpoints that would come of it", {
        "type": list(run.counts),
        ">number": [f"{number:,}" for number in run.counts.values()],
    })  # fmt: skip
    if run.examples:
        events = run.examples.values()
        table("The first of each", {
            "type": list(run.examples),
            "subject": [event["subject"] for event in events],
            "time": [event["time"] for event in events],
            "data": [_in_short(event["data"]) for event in events],
        }, last="data", wrap=True)  # fmt: skip
    if run.dead:
        table("Dead letters to be", {
            ">number": [f"{letters.count:,}" for letters in run.dead.values()],
            "first": [letters.first for letters in run.dead.values()],
            "why": list(run.dead),
        }, last="why", wrap=True)  # fmt: skip
    for unknown in run.unknown:
        texts = [f"{quoted(text)} ({number:,})" for text, number in unknown.texts.items()]
        more = f" and {len(texts) - UNKNOWN_SHOWN_MAX:,} more" if len(texts) > UNKNOWN_SHOWN_MAX else ""
        put(Text(f"{unknown.field}: no {unknown.known} entry for {', '.join(texts[:UNKNOWN_SHOWN_MAX])}{more}"))
    for warning in run.noticed.warnings():
        put(Text(warning))
    for type, names in _by_type(run.unfilled).items():
        more = f" and {len(names) - UNFILLED_SHOWN_MAX:,} more" if len(names) > UNFILLED_SHOWN_MAX else ""
        put(Text(f"{type}: filled by no row: {', '.join(names[:UNFILLED_SHOWN_MAX])}{more}"))
    for name, meant in run.unnamed.items():
        put(Text(f"{name} is in no type: kept, and used by no figure" + (f"; did you mean {meant!r}?" if meant else "")))
    if rows := noticed_rows(run.noticed):
        counts(rows)
    put(Text(_figures(run)))
    left_out(run.noticed)
    note("nothing was taken in; leave --dry-run out to do it")


def told(run: DryRun) -> dict[str, Any]:
    """The same as data."""
    return {
        "files": run.files, "counts": dict(run.counts), "examples": run.examples, "dead_letters": run.dead,
        "unfilled": run.unfilled, "unnamed": run.unnamed, "warnings": run.noticed.warnings(), "unknown": run.unknown,
        "rounded": run.noticed.rounded, "no_ids": dict(sorted(run.noticed.no_ids.items())), "left_out": left_out_of(run.noticed),
        "figures": [entry.name for entry in _computable(run)],
    }  # fmt: skip


def _computable(run: DryRun) -> list[FigureEntry]:
    return computable((type for type, number in run.counts.items() if number), run.filled)


def _figures(run: DryRun) -> str:
    """The figures that read these touchpoints, by section: by name where not all of a section do."""
    whole = Counter((entry.model, entry.section) for entry in entries())
    found: dict[tuple[Model, str], list[str]] = {}
    for entry in _computable(run):
        found.setdefault((entry.model, entry.section), []).append(entry.name)
    read = [
        f"{model} {section} ({f'all {len(names)}' if len(names) == whole[model, section] else ', '.join(names)})"
        for (model, section), names in found.items()
    ]
    return f"figures that read these: {'; '.join(read) or 'none'}"


def _by_type(fields: Sequence[str]) -> dict[str, list[str]]:
    """Names such as `close.reason`, under their types."""
    found: dict[str, list[str]] = {}
    for type, _, name in (field.partition(".") for field in fields):
        found.setdefault(type, []).append(name)
    return found


def _in_short(data: Mapping[str, Any]) -> str:
    """What data says; at a terminal so much that it fits into a few lines."""
    said = [f"{name} {_cut(value if isinstance(value, str) else orjson.dumps(value).decode())}" for name, value in data.items()]
    more = len(said) - FIELDS_SHOWN_MAX if at_terminal() else 0
    return " · ".join([*said[:FIELDS_SHOWN_MAX], f"{more} more"] if more > 0 else said)


def _cut(text: str) -> str:
    return text if not at_terminal() or len(text) <= VALUE_SHOWN_MAX else f"{text[: VALUE_SHOWN_MAX - 1]}…"
