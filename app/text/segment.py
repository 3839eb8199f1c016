"""Prints the members of a segment, as text or JSON."""

from typing import Any

from rich.text import Text

from app.engine.segments import SegmentMember, SegmentMembers
from app.text.printing import put, table
from journey.instants import iso
from journey.readable import readable

BECAUSE_SHOWN_MAX = 3


def members(found: SegmentMembers) -> None:
    heading = Text.assemble((readable(found.segment), "bold"), (" (simulated)" if found.simulated else "", "bold yellow"))
    heading.append(f" · {found.number:,} {'person' if found.number == 1 else 'people'}")
    put(heading, Text(readable(found.wanted), style="dim"))
    put(Text(f"as of {_second(iso(found.until))} UTC · position {found.position:,}", style="dim"), "")
    if not found.members:
        put("nobody is in it then" if not found.number else "nobody comes after that cursor")
        return
    table("", {
        "person": [readable(one.person) for one in found.members],
        "since (UTC)": [_second(iso(one.since)) for one in found.members],
        "because of": [_because(one) for one in found.members],
    }, last="because of")  # fmt: skip
    if found.after:
        shown = f"{len(found.members):,} of {found.number:,}"
        put(Text(f"{shown}, more with --after {found.after}", style="dim", no_wrap=True, overflow="ignore"))


def plain(found: SegmentMembers) -> dict[str, Any]:
    """For JSON."""
    return {
        **found._asdict(),
        "until": iso(found.until),
        "members": [member(one) for one in found.members],
    }


def member(one: SegmentMember) -> dict[str, Any]:
    because = [{"source": source, "id": id, "subject": subject} for source, id, subject in one.because]
    return {"person": one.person, "since": iso(one.since), "by_time": one.by_time, "because": because}


def _because(one: SegmentMember) -> str:
    ids = [id for _, id, _ in one.because]
    more = f" and {len(ids) - BECAUSE_SHOWN_MAX:,} more" if len(ids) > BECAUSE_SHOWN_MAX else ""
    return readable(f"{', '.join(ids[:BECAUSE_SHOWN_MAX])}{more}" + (" · as time passed" if one.by_time else ""))


def _second(at: str) -> str:
    return at[:19].replace("T", " ")
