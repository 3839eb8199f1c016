"""What may be done to a dead letter, and what the control log says of it: the same for every record that keeps them."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from journey.errors import Refused
from journey.histories import Stored, settle
from schemas.canonical import content_hash
from schemas.decode import decode
from schemas.incoming import Incoming, WholeRecord
from schemas.intended import Name
from schemas.strict_json import BODY_BYTES_MAX
from streams.operators import Conflict, Decision, Kept, Letter, State
from streams.placement import BRINGERS_MAX
from streams.set_aside import RETRACT

_BETWEEN = b",\n"

FIX, REQUEUE, DISMISS = "fix", "requeue", "dismiss"
"""The actions, as the control log has them."""


def can_be_sent(one: Kept) -> bool:
    """Whether there is anything to send again for a letter; else only a fix can be read."""
    return 0 < one.to_send <= BODY_BYTES_MAX


def sent_again(one: Letter) -> list[Incoming]:
    """What goes in again for a letter that can be sent: its fix, else its bytes as they are.

    Of several touchpoints each goes in by itself, and the letter, which awaits them, is closed when all are in. With each import that
    brought the letter, so that what goes in leaves when all of them are retracted.
    """
    source, place = one.kept.source, one.kept.place
    touchpoints, letter = several(one), None
    if not touchpoints:
        touchpoints, letter = [one.fix or one.body or one.raw], one.kept.id
    return [Incoming(each, source, place, letter=letter, import_id=by) for each in touchpoints for by in _bringers(one)]


def _bringers(one: Letter) -> Sequence[int | None]:
    """With which imports a letter's touchpoints go in: with none where it came without one too, or with more than are remembered."""
    return one.imports if 0 < len(one.imports) <= BRINGERS_MAX and 0 not in one.imports else [None]


def incoming_of(one: Letter) -> Incoming:
    """A letter as the record that came."""
    whole = None if one.kept.sha256 is None else WholeRecord(one.kept.length, one.kept.sha256)
    body, meant = (None, one.body) if one.kept.needs_fix else (one.body, None)
    reason = one.kept.reason if one.kept.needs_fix else None
    return Incoming(one.raw, one.kept.source, one.kept.place, body, reason, whole=whole, meant=meant)


def joined(touchpoints: Sequence[bytes]) -> bytes:
    """A fix of `touchpoints`, each on one line: of several, a list."""
    return touchpoints[0] if len(touchpoints) == 1 else b"[" + _BETWEEN.join(touchpoints) + b"]"


def several(one: Letter) -> list[bytes]:
    """The touchpoints of a fix that holds several, as they were joined: read as JSON, amounts would lose digits."""
    return one.fix[1:-1].split(_BETWEEN) if one.fix is not None and one.fix.startswith(b"[") else []


def names_of(touchpoints: Iterable[bytes]) -> set[Name]:
    """The names of touchpoints that can be read."""
    return {(touch.subject, touch.source, touch.id) for touch in (decode(each).touch for each in touchpoints)}


def fixing(number: int, one: Letter | None, body: bytes) -> dict[str, Any] | None:
    """The decision to send `body` in place of a letter; None where that is so already. Raises Refused."""
    if one is None:
        raise _is_none(number)
    before = one.kept
    if before.state is State.requeued:
        raise _is_in(before, "to correct it, send its touchpoint's 'retracted', and then what is right under a new id")
    if before.state is State.fixed and one.fix == body:
        return None
    stood = {"bytes": before.length, "sha256": before.sha256} if before.sha256 and not one.fix else _told(one.fix or one.raw)
    was = {"state": before.state, "code": before.code, "reason": before.reason, **stood}
    return {"letter": number, "before": was, "after": {"state": State.fixed, **_told(body)}}


def dismissing(letters: Collection[Kept], conflicts: Collection[int]) -> dict[str, Any]:
    """The decision to dismiss `letters`, none of which is dismissed already. Raises Refused."""
    for one in letters:
        if one.state is State.requeued:
            raise _is_in(one, "to take it back, send its touchpoint's 'retracted'")
    before = {str(one.number): one.state for one in letters} | {f"c{number}": State.open for number in conflicts}
    return {"letters": [one.number for one in letters], "conflicts": list(conflicts), "before": before, "after": State.dismissed}


def requeuing(letters: Sequence[Kept]) -> dict[str, Any]:
    """The decision to send `letters` again."""
    return {"letters": [one.number for one in letters], "before": {str(one.number): one.state for one in letters}, "after": "sent again"}


def named_in(decision: Decision) -> list[int]:
    """The letters that a decision is about."""
    detail = decision.detail
    if decision.action == RETRACT:
        return [*detail.get("dismissed", ()), *detail.get("open_again", ())]
    return [detail["letter"]] if "letter" in detail else detail.get("letters", [])


def conflict(number: int, name: Name, bodies: Iterable[Stored], dismissed: bool) -> Conflict | None:
    """The conflict of all bodies under one name; None where they say the same."""
    held = list(bodies)
    (counts,) = settle(held, content_hash)
    winner = next(one for one in held if one.touch is counts)
    others = [one for one in held if content_hash(one.body) != content_hash(winner.body)]
    return Conflict(number, name, winner, others, dismissed) if others else None


def no_conflict(number: int) -> Refused:
    return Refused(f"there is no conflict c{number}")


def check_there(numbers: Collection[int], found: Sequence[Kept]) -> None:
    """Raises Refused for the first of `numbers` that is not among `found`."""
    for number in sorted(set(numbers) - {one.number for one in found}):
        raise _is_none(number)


def _is_none(number: int) -> Refused:
    return Refused(f"there is no dead letter {number}")


def _is_in(one: Kept, instead: str) -> Refused:
    return Refused(f"dead letter {one.number} is in since position {one.position}; {instead}")


def _told(body: bytes) -> dict[str, Any]:
    """Bytes in the control log: which they are, and not what they say, which may be about a person."""
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
