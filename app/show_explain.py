"""What people see of an explanation: the transitions with their evidence, the score as a ledger, and what is missing."""

from collections.abc import Iterator

from rich.text import Text

from app.printing import put, readable, table
from journey.explain import Evidence, Unmet
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
        }, last="")  # fmt: skip
    if reasons.ledger:
        table("The score, entry by entry", {
            ">points": [f"{entry.points:+d}" for entry in reasons.ledger] + [f"{reasons.score}"],
            "until": [_second(entry.until) or "for good" for entry in reasons.ledger] + [""],
            "by": [f"rule {entry.rule}: {_words(entry.by)}" for entry in reasons.ledger] + ["in all"],
        }, last="by")  # fmt: skip
    if reasons.why_not:
        table("Why not elsewhere, and what it would take", {
            "stage": [one.stage for one in reasons.why_not],
            "rule": [one.rule for one in reasons.why_not],
            "what it would take": [Text(_missing(one.unmet, one.leads_from)) for one in reasons.why_not],
        }, last="what it would take")  # fmt: skip


def _moved(entered: str, left: str, rule: str, cycle: int) -> str:
    if cycle:
        return f"lead {cycle}: {entered}"
    return f"{left} -> {entered} · rule {rule}" if left else f"-> {entered} · rule {rule}"


def _because(what: str, because: tuple[Evidence, ...]) -> str:
    lines = [readable(f"  {_words(one)}") for one in because[:EVIDENCE_SHOWN_MAX]]
    if len(because) > EVIDENCE_SHOWN_MAX:
        lines.append(f"  and {len(because) - EVIDENCE_SHOWN_MAX} more")
    return "\n".join([readable(what), *lines])


def _words(one: Evidence) -> str:
    return f"{one.type} {one.id} of {_second(one.at)}" + (f": {one.says}" if one.says else "")


def _missing(unmet: Unmet, leads_from: tuple[str, ...]) -> str:
    lines = [f"leads out of {', '.join(one or 'no stage yet' for one in leads_from)} only"] if leads_from else []
    return readable("\n".join([*lines, *_lines(unmet, "")]))


def _lines(unmet: Unmet, indent: str) -> Iterator[str]:
    yield indent + unmet.more
    for part in unmet.parts:
        yield from _lines(part, indent + "  ")


def _second(at: str) -> str:
    return at[:19].replace("T", " ")
