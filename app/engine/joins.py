"""Statements about ids that an operator sends, because a join looks wrong: the lines that `journey identity suspects` prints."""

from collections.abc import Sequence
from typing import Final

from app.engine.ports import Engine
from journey.errors import Refused
from journey.suspects import SOURCE
from journey.touchpoints import Identified, Unlinked
from schemas.decode import decode
from schemas.incoming import Incoming
from schemas.strict_json import Unreadable
from streams.operators import By

STATE_IDENTITY: Final = "state-identity"
"""The action, as the control log has it."""

LINES_MAX = 500


async def state(engine: Engine, lines: Sequence[str], by: By) -> int:
    """Take in `lines`, with an entry in the control log. Returns how many. Raises Refused where one is no such statement."""
    if not lines:
        raise Refused("there is nothing to send")
    if len(lines) > LINES_MAX:
        raise Refused(f"at most {LINES_MAX} statements are sent at once; send more with `journey ingest`")
    for line in lines:
        try:
            touch = decode(line.encode()).touch
        except Unreadable as unreadable:
            raise Refused(f"this is no statement about ids: {unreadable.reason}") from None
        if touch.source != SOURCE or not isinstance(touch.data, Identified | Unlinked):
            raise Refused(f"only what looks wrong is answered here: {touch.source} {touch.id} is not of {SOURCE}")
    detail = {"statements": list(lines)}
    number = await engine.desk.decide(at=by.at, actor=by.actor, action=STATE_IDENTITY, reason=by.reason, detail=detail)
    await engine.ingest([Incoming(line.encode(), "identity", f"decision:{number}") for line in lines])
    return len(lines)
