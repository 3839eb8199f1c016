"""Prints an explanation: the transitions with their evidence, the score as a ledger, and what is missing."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from app.text.printing import put, table
from journey.explain import LEAD_STEPS, Evidence, ExplainedSegment, SegmentMove, Unmet, WhyNot
from journey.readable import readable
from streams.explaining import Explained

EVIDENCE_SHOWN_MAX = 5


def explanation(answer: Explained, *, simulated: bool) -> None:
    reasons = answer.reasons
    heading = Text.assemble((readable(answer.subject), "bold"), (" (simulated)" if simulated else "", "bold yellow"))
    heading.append(f" · stage {reasons.stage or 'none yet'} · score {reasons.score}")
    put(heading)
    for tie in answer.ties:
        put(Text(readable(f"{tie.subject} and {tie.says} are one by {tie.id} of {_second(tie.at)}"), style="dim"))
    put(Text(f"as of {_second(answer.until)} UTC · position {answer.position} · definition {answer.definition[:12]}", style="dim"), "")
    if reasons.transitions:
        table("What happened, and because of what", {
            "time (UTC)": [_second(one.at) for one in reasons.transitions],
            "": [Text(_because(_moved(one.entered, one.left, one.rule, one.cycle), one.because)) for one in reasons.transitions],
        }, last="", wrap=True)  # fmt: skip
    if reasons.ledger:
        table("The score, entry by entry", {
            ">points": [f"{entry.points:+d}" for entry in reasons.ledger] + [f"{reasons.score}"],
            "until": [_second(entry.until) or "for good" for entry in reasons.ledger] + [""],
            "by": [f"rule {entry.rule}: {_words(entry.by)}" for entry in reasons.ledger] + ["in all"],
        }, last="by", wrap=True)  # fmt: skip
    moved = sorted(((one.segment, move) for one in reasons.segments for move in one.moves), key=lambda moved: moved[1].at)
    if moved:
        table("Segments entered and left, and because of what", {
            "time (UTC)": [_second(move.at) for _, move in moved],
            "": [Text(_because(_segment_moved(name, move), move.because)) for name, move in moved],
        }, last="", wrap=True)  # fmt: skip
    if reasons.segments:
        table("Segments, and how their conditions stand", {
            "segment": [one.segment for one in reasons.segments],
            "": [_since(one) for one in reasons.segments],
            "condition": [Text("\n".join(map(readable, _lines(one.stands, "", evidence=True)))) for one in reasons.segments],
        }, last="condition", wrap=True)  # fmt: skip
    if reasons.why:
        table("Why, and what held then", {
            "lead": [f"{one.cycle}: {one.stage}" for one in reasons.why],
            "time (UTC)": [_second(one.at) for one in reasons.why],
            "what held": [Text("\n".join(map(readable, _lines(one.held, "", evidence=True)))) for one in reasons.why],
        }, last="what held", wrap=True)  # fmt: skip
    if reasons.why_not:
        table("Why not elsewhere, and what it would take", {
            "stage": [one.stage for one in reasons.why_not],
            "rule": [one.rule for one in reasons.why_not],
            "what it would take": [Text(_missing(one)) for one in reasons.why_not],
        }, last="what it would take", wrap=True)  # fmt: skip


def plain(answer: Explained) -> dict[str, Any]:
    """For JSON."""
    told = asdict(answer)
    reasons = told.pop("reasons")
    return {**told, **reasons}


def _moved(entered: str, left: str, rule: str, cycle: int) -> str:
    if cycle:
        return f"lead {cycle}: {entered}"
    return f"{left} -> {entered} · rule {rule}" if left else f"-> {entered} · rule {rule}"


def _segment_moved(name: str, move: SegmentMove) -> str:
    return f"{move.step} {name}{' as time passed' if move.by_time else ''}"


def _since(one: ExplainedSegment) -> str:
    return f"in since {_second(one.since)}" if one.since else "not in"


def _because(what: str, because: tuple[Evidence, ...]) -> str:
    return "\n".join(map(readable, [what, *_named(because, "  ")]))


def _named(because: tuple[Evidence, ...], indent: str) -> Iterator[str]:
    for one in because[:EVIDENCE_SHOWN_MAX]:
        yield f"{indent}{_words(one)}"
    if len(because) > EVIDENCE_SHOWN_MAX:
        yield f"{indent}and {len(because) - EVIDENCE_SHOWN_MAX} more"


def _words(one: Evidence) -> str:
    return f"{one.type} {one.id} of {_second(one.at)}" + (f": {one.says}" if one.says else "")


def _missing(one: WhyNot) -> str:
    lines = [f"leads out of {', '.join(stage or 'no stage yet' for stage in one.leads_from)} only"] if one.leads_from else []
    return "\n".join(map(readable, [*lines, *_lines(one.unmet, "", evidence=one.stage in LEAD_STEPS)]))


def _lines(unmet: Unmet, indent: str, *, evidence: bool) -> Iterator[str]:
    yield indent + unmet.more
    if evidence:
        yield from _named(unmet.because, indent + "  by ")
    for part in unmet.parts:
        yield from _lines(part, indent + "  ", evidence=evidence)


def _second(at: str) -> str:
    return at[:19].replace("T", " ")
