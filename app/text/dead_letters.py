"""Prints dead letters, conflicts and what was decided about them, as text or JSON."""

import base64
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.text import Text

from app.engine.requeuing import Requeued
from app.text.printing import as_it_came, as_json, note, pairs, put, readable_lines, table
from journey.instants import iso
from journey.readable import readable
from schemas.intended import names_meant
from streams.dead_letters import DISMISS, FIX, REQUEUE, incoming_of
from streams.operators import Conflict, Decision, IdleRetraction, Kept, Letter, State
from streams.set_aside import RETRACT

STILL_SHOWN_MAX = 20


def listed(
    codes: Mapping[str, tuple[int, int]],
    kept: Sequence[Kept],
    states: Mapping[State, int],
    conflicts: Sequence[Conflict],
    idle: Sequence[IdleRetraction],
    *,
    asked: Sequence[State],
    json: bool,
) -> None:
    """Those in the states that were asked for."""
    if json:
        as_json({
            "codes": {code: {"letters": letters, "seen": seen} for code, (letters, seen) in codes.items()},
            "states": {str(state): letters for state, letters in states.items()},
            "dead_letters": [_letter(one) for one in kept],
            "conflicts": [_conflict(one) for one in conflicts],
            "idle_retractions": [
                {"subject": one.target[0], "of_source": one.target[1], "of_id": one.target[2], "why": why_idle(one)} for one in idle
            ],
        })  # fmt: skip
        return
    if not codes and not conflicts and not idle:
        put("no dead letters" + (f" that are {' or '.join(asked)} ({_counted(states)})" if states else ""))
        return
    if codes:
        table("Dead letters", {
            "reason": list(codes),
            ">letters": [f"{letters:,}" for letters, _ in codes.values()],
            ">seen": [f"{seen:,}" for _, seen in codes.values()],
        })  # fmt: skip
    if kept:
        table("", {
            ">number": [str(one.number) for one in kept],
            ">seen": [f"{one.seen:,}" for one in kept],
            "state": [one.state for one in kept],
            "where first": [one.place for one in kept],
            "why": [one.reason for one in kept],
        }, last="why")  # fmt: skip
        left = sum(letters for letters, _ in codes.values()) - len(kept)
        note("`journey dead-letters show N` has the bytes of one" + (f"; --after {kept[-1].number} goes on from here" if left else ""))
    if conflicts:
        table("Conflicts: one id came with several bodies; which one counts is decided by their content", {
            "number": [_named(one) for one in conflicts],
            "subject": [one.name[0] for one in conflicts],
            "source": [one.name[1] for one in conflicts],
            "id": [one.name[2] for one in conflicts],
            ">others": [f"{len(one.others):,}" for one in conflicts],
            "what counts": [one.counts.body.decode() for one in conflicts],
        }, last="what counts")  # fmt: skip
    if idle:
        table("Retractions that take nothing back", {
            "subject": [one.target[0] for one in idle],
            "of source": [one.target[1] for one in idle],
            "of id": [one.target[2] for one in idle],
            "why": [why_idle(one) for one in idle],
        }, last="why")  # fmt: skip


def why_idle(one: IdleRetraction) -> str:
    if one.is_retraction:
        return "what it names is a retraction, which can't be retracted"
    return "nothing of that source and id is published under that subject, so far"


def letter(one: Letter, decided: Sequence[Decision], *, json: bool) -> None:
    meant, steps, body = names_meant(incoming_of(one)), history(one, decided), None if one.kept.needs_fix else one.body
    if json:
        as_json({
            **_letter(one.kept), "kept_bytes": len(one.raw), "raw": _text(one.raw), "raw_base64": base64.b64encode(one.raw).decode(),
            "body": None if body is None else _text(body), "fix": None if one.fix is None else _text(one.fix),
            "meant": [{"subject": subject, "source": source, "id": id} for subject, source, id in meant], "history": steps,
        })  # fmt: skip
        return
    pairs({name: value for name, value in _letter(one.kept).items() if value is not None})
    _part("what came:", _text(one.raw))
    if one.kept.sha256 is not None:
        note(f"kept are {_beginning(one)}; --raw writes them")
    if body is not None:
        _part("what was made of it:", _text(body))
    if meant:
        _part("what it was meant to be:", *(readable(f"{subject}, id {id} of {source}") for subject, source, id in meant))
    if one.fix is not None:
        _part("the fix that is sent in its place:", _text(one.fix))
    _part("what became of it:", *(readable(told(step)) for step in steps))


def _part(heading: str, *lines: str) -> None:
    """Lines as long as they are: what is copied from a terminal has no breaks of ours."""
    sys.stdout.write("\n".join(("", heading, *lines, "")))


def history(letter: Letter, decided: Sequence[Decision]) -> list[dict[str, Any]]:
    """The states of a letter, oldest first: what was decided about it, by whom and why, and what it came to."""
    one = letter.kept
    steps: list[dict[str, Any]] = [{"at": iso(one.first_at), "state": State.open, "place": one.place}]
    for each in decided:
        said = {"at": iso(each.at), "actor": each.actor, "reason": each.reason}
        if each.action == RETRACT:
            state = "dismissed" if one.number in each.detail["dismissed"] else "open again"
            steps.append({**said, "state": state, "import": each.detail["import"] or str(each.detail["import_id"])})
        else:
            steps.append({**said, "state": {FIX: "fixed", DISMISS: "dismissed", REQUEUE: "sent again"}[each.action]})
    if letter.since is not None and one.state in (State.requeued, State.arrived):
        steps.append({"at": iso(letter.since), "state": one.state, "position": one.position})
    return sorted(steps, key=lambda step: str(step["at"]))


def told(step: Mapping[str, Any]) -> str:
    match step["state"]:
        case State.open:
            said = f"open, at {step['place']}"
        case State.requeued:
            said = f"requeued: it came in with position {step['position']}"
        case State.arrived:
            said = f"arrived: what it was meant to be came in with position {step['position']}"
        case state:
            of = f", who retracted import {step['import']}" if "import" in step else ""
            said = f"{state} by {step['actor']}{of}" + (f": {step['reason']}" if step["reason"] else "")
    return f"{step['at']}  {said}"


def raw(one: Letter) -> None:
    """Its bytes as they came, and nothing else."""
    as_it_came(one.raw)
    if one.kept.sha256 is not None:
        note(f"that was only its beginning: {_beginning(one)}")


def _beginning(one: Letter) -> str:
    return f"the first {len(one.raw):,} of {one.kept.length:,} bytes; SHA-256 {one.kept.sha256}"


def conflict(one: Conflict, *, json: bool) -> None:
    if json:
        as_json(_conflict(one))
        return
    subject, source, id = one.name
    pairs({"number": _named(one), "subject": subject, "source": source, "id": id, "state": _state(one)})
    put("", "what counts:", Text(_text(one.counts.body)), "the others:", *(Text(_text(other.body)) for other in one.others))


def raw_of_conflict(one: Conflict) -> None:
    """The others, a line each, as they would be sent again."""
    for other in one.others:
        as_it_came(other.body + b"\n")


def requeued(done: Requeued, *, json: bool) -> None:
    if json:
        as_json({
            "sent": done.sent, "in": done.came_in, "in_before": done.before, "need_fix": done.need_fix,
            "still_unreadable": [{"number": one.number, "code": one.code, "reason": one.reason} for one in done.still],
            "position": done.position,
        })  # fmt: skip
        return
    if not done.sent and not done.before and not done.need_fix:
        note("nothing waits that it could send: no dead letter of these is open or fixed")
    pairs({"sent again": done.sent, "in": done.came_in, "still unreadable": len(done.still), "need a fix first": len(done.need_fix)})
    for one in done.still[:STILL_SHOWN_MAX]:
        note(f"{one.number} is still unreadable: {readable(one.reason)}")
    if len(done.still) > STILL_SHOWN_MAX:
        note(f"… and {len(done.still) - STILL_SHOWN_MAX:,} more; `journey dead-letters` has them")
    if done.need_fix:
        more = ", …" if len(done.need_fix) > STILL_SHOWN_MAX else ""
        named = ", ".join(map(str, done.need_fix[:STILL_SHOWN_MAX]))
        note(f"nothing can be made of {named}{more} as it is: `journey dead-letters fix N --body FILE` comes first")


def _letter(one: Kept) -> dict[str, Any]:
    return {
        "number": one.number, "code": one.code, "reason": one.reason, "source": one.source, "place": one.place, "seen": one.seen,
        "first_at": iso(one.first_at), "last_at": iso(one.last_at), "bytes": one.length, "sha256": one.sha256, "state": one.state,
        "position": one.position,
    }  # fmt: skip


def _conflict(one: Conflict) -> dict[str, Any]:
    subject, source, id = one.name
    bodies = [orjson.loads(other.body) for other in one.others]
    return {
        "number": _named(one), "subject": subject, "source": source, "id": id, "state": _state(one),
        "counts": orjson.loads(one.counts.body), "others": bodies,
    }  # fmt: skip


def _named(one: Conflict) -> str:
    return f"c{one.number}"


def _state(one: Conflict) -> State:
    return State.dismissed if one.dismissed else State.open


def _counted(states: Mapping[State, int]) -> str:
    return ", ".join(f"{states[state]:,} {state}" for state in State if state in states)


def _text(raw: bytes) -> str:
    """Bytes as text: what is not UTF-8 is spelled out."""
    return readable_lines(raw.decode(errors="backslashreplace"))
