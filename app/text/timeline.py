"""Prints a timeline, or what changed in it between two positions, as text or JSON: the words for what entries mean."""

from dataclasses import asdict
from typing import Any, assert_never

from rich.text import Text

from app.text.printing import put, table
from journey.money import major
from journey.readable import readable
from streams.story_differences import Difference, StoryDifferences
from streams.timeline import (
    Deal,
    Lead,
    Omitted,
    Order,
    Points,
    Segment,
    Sent,
    Stage,
    Timeline,
    TimelineEntry,
)

BECAUSE_SHOWN_MAX = 3
CAUSES_SHOWN_MAX = 3

_STYLES = {
    "stage": "bold green",
    "lead": "bold cyan",
    "segment": "cyan",
    "score": "yellow",
    "deal": "magenta",
    "order": "magenta",
    "due": "dim",
}


def what(entry: TimelineEntry) -> str:
    """The touchpoint's type, or one of stage, lead, segment, score, deal, order, due."""
    if entry.is_due:
        return "due"
    match entry.means:
        case Sent(type=type):
            return type
        case Stage():
            return "stage"
        case Lead():
            return "lead"
        case Segment():
            return "segment"
        case Points():
            return "score"
        case Deal():
            return "deal"
        case Order() | Omitted():
            return "order"
        case other:
            assert_never(other)


def says(entry: TimelineEntry) -> str:
    """What it means, in words."""
    return _meant(entry) + (", if nothing more happens" if entry.is_due else "")


def _meant(entry: TimelineEntry) -> str:
    match entry.means:
        case Sent(fields=fields):
            return " · ".join(value for _, value in fields)
        case Stage(left=left, stage=stage):
            return f"{left} -> {stage}" if left else f"-> {stage}"
        case Lead(cycle=cycle, step=step, reason=reason):
            return f"lead {cycle}: {step}" + (f" ({reason})" if reason else "")
        case Segment(segment=segment, step=step):
            return f"{step} {segment}"
        case Points(points=points):
            return f"{points:+d} points"
        case Deal(outcome=outcome, stage=stage, amount_minor=amount_minor, currency=currency):
            amount = f"{major(amount_minor, currency)} {currency}" if currency else ""
            return ", ".join(filter(None, (outcome, stage, amount)))
        case Order(order=order, amount_minor=amount_minor, currency=currency):
            is_paid_back = amount_minor < 0
            return f"order {order}: {major(abs(amount_minor), currency)} {currency}" + (" paid back" if is_paid_back else "")
        case Omitted(of=of, why=why):
            return f"{of.replace(':', ' ', 1)}: left out, {why}"
        case other:
            assert_never(other)


def timeline(story: Timeline, *, simulated: bool) -> None:
    heading = Text.assemble((readable(story.subject), "bold"), (" (simulated)" if simulated else "", "bold yellow"))
    if story.stage:
        heading.append(f" · stage {story.stage} · score {story.score}")
    put(heading)
    if story.ids != (story.subject,):
        put(Text(readable("known as " + ", ".join(story.ids)), style="dim"))
    put(Text(f"as of {_second(story.until)} UTC · position {story.position} · definition {story.definition[:12]}", style="dim"), "")
    table("", {
        "time (UTC)": [_second(entry.at) for entry in story.entries],
        "what": [Text(what(entry), _STYLES.get(what(entry), "")) for entry in story.entries],
        "": [_in_words(entry) for entry in story.entries],
    }, last="")  # fmt: skip


def differences(answer: StoryDifferences, *, simulated: bool) -> None:
    before, after = answer.before, answer.after
    heading = Text.assemble((readable(after.subject), "bold"), (" (simulated)" if simulated else "", "bold yellow"))
    heading.append(f" · as known at {before.position} and at {after.position} · until {_second(answer.until)} UTC")
    put(heading)
    for side in (before, after):
        known = f"stage {side.stage or 'none yet'} · score {side.score} · known as {', '.join(side.ids)}" if side.ids else "nothing known"
        put(Text(readable(f"at {side.position}: {known}"), style="dim"))
    put("")
    if not answer.differences:
        put("no difference")
        return
    table("", {
        "time (UTC)": [_second(one.entry.at) for one in answer.differences],
        "": [Text("+ added" if one.since else "- removed", "green" if one.since else "red") for one in answer.differences],
        "what": [Text(_differs(one)) for one in answer.differences],
    }, last="what")  # fmt: skip


def plain(story: Timeline) -> dict[str, Any]:
    """For JSON."""
    entries = [_entry(entry) for entry in story.entries]
    return {name: entries if name == "entries" else getattr(story, name) for name in Timeline.__dataclass_fields__}


def plain_differences(answer: StoryDifferences) -> dict[str, Any]:
    """For JSON."""
    differences = [
        {"since": one.since, "entry": _entry(one.entry), "causes": [asdict(cause) for cause in one.causes]} for one in answer.differences
    ]
    return {"until": answer.until, "before": asdict(answer.before), "after": asdict(answer.after), "differences": differences}


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    """What it means in words, and field by field; of a touchpoint, its own fields are in the words only."""
    head = {"at": entry.at, "what": what(entry), "says": says(entry), "source": entry.source, "id": entry.id, "subject": entry.subject}
    meant = {} if isinstance(entry.means, Sent) else entry.means._asdict()
    return {**head, "rule": entry.rule, "because": entry.because, **meant}


def _in_words(entry: TimelineEntry) -> Text:
    words = Text(readable(says(entry)))
    words.append(_rule(entry), style="dim")
    if entry.because and not entry.is_due:
        ids = [id for _, id, _ in entry.because]
        more = f" and {len(ids) - BECAUSE_SHOWN_MAX} more" if len(ids) > BECAUSE_SHOWN_MAX else ""
        words.append("\n" + readable(f"because of {', '.join(ids[:BECAUSE_SHOWN_MAX])}{more}"), style="dim")
    return words


def _rule(entry: TimelineEntry) -> str:
    """A step of a lead is by the rule of its own name."""
    return f" · rule {entry.rule}" if entry.rule and not isinstance(entry.means, Lead) else ""


def _differs(one: Difference) -> str:
    lines = [f"{what(one.entry)} {says(one.entry)}{_rule(one.entry)}".rstrip()]
    lines += [f"  by {cause.what} at {cause.position}: {cause.says}" for cause in one.causes[:CAUSES_SHOWN_MAX]]
    if len(one.causes) > CAUSES_SHOWN_MAX:
        lines.append(f"  or one of {len(one.causes) - CAUSES_SHOWN_MAX} more of that unit")
    return "\n".join(map(readable, lines))


def _second(at: str) -> str:
    return at[:19].replace("T", " ")
