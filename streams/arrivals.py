"""What a record of the log says, or why it is no touchpoint: then it is a dead letter."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

from journey.definition import Definition
from journey.instants import Instant
from journey.touchpoints import DealOpened, DealReopened, DealUpdated, Touchpoint, stated_at
from schemas.decode import Decoded, Unreadable, decode
from schemas.incoming import Incoming
from schemas.intended import names_meant
from schemas.no_ids import check_ids
from schemas.strict_json import BODY_BYTES_MAX
from streams.set_aside import SET_ASIDE
from streams.units import PIPELINE, STAGE, DeadLetter, Recorded

REASON_LENGTH_MAX = 1_000
"""Of why a record can't be read: what it quotes may be a sender's, and as long as the record."""

TOO_FAR_AHEAD = "too-far-ahead"
UNMAPPED = "unmapped"
TOO_LARGE = "too-large"


def refusal(touch: Touchpoint, latest: Instant, is_no_id: Callable[[str], bool]) -> Unreadable | None:
    """Why a touchpoint that can be read is not taken in: it was, or was said, after `latest`; or it names an id that is none."""
    happened, said = touch.occurred_at, stated_at(touch.data) or 0
    if happened <= latest and said <= latest:
        return check_ids(touch, is_no_id)
    which = "time" if happened >= said else "stated_at"
    return Unreadable(TOO_FAR_AHEAD, f"its {which} is too far after the time at which the log recorded it")


def unknown_to(definition: Definition, data: DealOpened | DealUpdated | DealReopened) -> tuple[str, str] | None:
    """The pipeline, else the stage, that `data` names and the definition does not know: it says nothing of such a stage."""
    known = definition.pipeline_stages
    if isinstance(data, DealOpened):
        if data.pipeline not in known:
            return (PIPELINE, data.pipeline) if data.pipeline else None
        known = {data.pipeline: known[data.pipeline]}
    if not data.stage or any(data.stage in stages for stages in known.values()):
        return None
    return STAGE, data.stage


def decoded_of(incoming: Incoming) -> Decoded | Unreadable:
    """What `incoming` says. Needs nothing of the record: a worker does it for the next batch while one is committed."""
    if incoming.reason is not None:
        return Unreadable(incoming.code or (UNMAPPED if incoming.whole is None else TOO_LARGE), incoming.reason)
    try:
        return decode(incoming.raw if incoming.body is None else incoming.body)
    except Unreadable as error:
        return error.with_traceback(None)


def dead_letter(record: Recorded, code: str, reason: str, letter: str | None) -> DeadLetter:
    """`letter` is the one that the record was sent again for."""
    incoming = record.incoming
    known_by = [incoming.source.encode(), incoming.raw]
    if incoming.whole is not None:
        # No source begins so: what only looks like the beginning of something larger is another letter.
        known_by = [b"\xff%d %b" % (incoming.whole.length, incoming.whole.sha256.encode()), *known_by]
    if code == SET_ASIDE:
        # Not one with what could not be read of the same bytes, such as another touchpoint of the same row: that has a body of its own.
        known_by += [code.encode(), incoming.body or b""]
    return DeadLetter(
        letter or hashlib.sha256(b"\0".join(known_by)).hexdigest(),
        code,
        cut(reason, REASON_LENGTH_MAX),
        incoming.source,
        incoming.place,
        incoming.raw,
        record.recorded_at,
        incoming.body if incoming.reason is None else incoming.meant,
        needs_fix=incoming.reason is not None,
        again=letter is not None,
        whole=incoming.whole,
        meant=names_meant(incoming) if letter is None else (),
        import_id=incoming.import_id,
    )


def one_a_row(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Several touchpoints may be made of one row of a file: what can't be read of it is one letter, and was meant to be all of them."""
    found: dict[tuple[str, str, bool, int | None], DeadLetter] = {}
    for letter in letters:
        key = (letter.id, letter.place, letter.again, letter.import_id)
        first = found.get(key, letter)
        meant = tuple(dict.fromkeys(first.meant + letter.meant)) if first.meant and letter.meant else ()
        found[key] = letter._replace(meant=meant)
    return list(found.values())


def sent_instead(letter: DeadLetter) -> bytes | None:
    """What goes in for `letter` as long as it has no fix: see `streams.dead_letters.sent_again`."""
    body = letter.body or letter.raw
    return None if letter.needs_fix or letter.again or len(body) > BODY_BYTES_MAX else body


def sent_for(incoming: Incoming, goes_in: Mapping[str, bytes]) -> str | None:
    """The dead letter that `incoming` was sent again for.

    Anybody may say so of a record. It counts where that letter is here, and its bytes are what goes in for it; else it says nothing.
    """
    letter = incoming.letter
    if letter is None or incoming.body is not None or goes_in.get(letter) != hashlib.sha256(incoming.raw).digest():
        return None
    return letter


def cut(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else f"{text[: length_max - 1]}…"
