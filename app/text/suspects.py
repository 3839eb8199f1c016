"""Prints joins that look wrong: the reason, the touchpoints that say so, and the line to send."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from app.text.printing import note, pairs, table
from journey.readable import readable
from journey.suspects import Suspect
from streams.suspects import WorstSuspects

EVIDENCE_SHOWN_MAX = 5
LINES_SHOWN_MAX = 5


def plain(position: int, worst: WorstSuspects) -> dict[str, Any]:
    return {
        "position": position,
        "suspects": [_plain(one) for one in worst.found],
        "more": worst.number - len(worst.found),
    }


def _plain(one: Suspect) -> dict[str, Any]:
    made = asdict(one)
    del made["weight"]
    made["amounts"] = [{"currency": currency, "amount_minor": minor} for currency, minor in one.amounts]
    return made


def suspects(position: int, worst: WorstSuspects) -> None:
    pairs({"position": position, "suspects": worst.number})
    if worst.found:
        table("Joins to look at, the worst first", {
            "kind": [one.kind for one in worst.found],
            "why, and what to send": [Text(_told(one)) for one in worst.found],
        }, last="why, and what to send", wrap=True)  # fmt: skip
        note("send a line only where you know that it is so: put it into a file, and `journey ingest` it; "
             "`journey timeline ID` shows the touchpoints")  # fmt: skip
    if more := worst.number - len(worst.found):
        note(f"{more:,} more; see them with --limit {worst.number}")


def _told(one: Suspect) -> str:
    lines = [one.reason]
    lines += [f"  by {each.type} {each.id} of {each.source}, {each.subject}, {each.at}" for each in one.because[:EVIDENCE_SHOWN_MAX]]
    if (more := len(one.because) - EVIDENCE_SHOWN_MAX) > 0:
        lines.append(f"  and {more} more touchpoints, in --json")
    lines += one.send[:LINES_SHOWN_MAX]
    if (more := len(one.send) - LINES_SHOWN_MAX) > 0:
        lines.append(f"and {more} more lines, in --json")
    return "\n".join(map(readable, lines))
