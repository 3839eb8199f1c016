"""Which record is at fault where a batch can't be placed for an error of ours: it is placed again in halves until one is left.

What comes before that one is committed on the way, each half by the offsets that it starts from, as any unit. The worker stops all the
same: a wrong number is worse. But whoever is called knows what to look at, and can decide to go on without it.
"""

from collections.abc import Callable, Sequence

from journey.errors import Away, NotPlaced, Refused
from journey.readable import readable
from streams.placement import Placement
from streams.ports import OutOfStep
from streams.set_aside import SET_ASIDE, sha256
from streams.units import Recorded, Unit

ERROR_LENGTH_MAX = 300
"""What a message quotes of an error: its text may have a sender's in it."""

_TOLD = (OutOfStep, Away, Refused)
"""What tells the caller something, and is no error of ours."""


def never(error: Exception) -> bool:
    return False


async def placed(
    placement: Placement,
    batch: Sequence[Recorded],
    after: dict[int, int],
    log: str,
    *,
    options: str = "",
    passes: Callable[[Exception], bool] = never,
) -> tuple[Unit, int]:
    """Place `batch` and commit it. Returns the unit and its position: see `Placement.run`.

    Raises NotPlaced, which names the record, where that ends in an error of ours. `log` is what a person calls where it came from,
    `options` what the command needs to find it. An error that `passes` is none of a record's, and goes through.
    """
    try:
        return await placement.run(batch, after)
    except _TOLD:
        raise
    except Exception as error:
        if passes(error):
            raise
        first = error
    rest, last = batch, first
    while len(rest) > 1:
        half = rest[: len(rest) // 2]
        failed = await _failed(placement, half, after)
        if failed is None:
            after = {**after, **_reached(half)}
            rest = rest[len(half) :]
        else:
            rest, last = half, failed
    if len(batch) > 1:
        failed = await _failed(placement, rest, after)
        if failed is None:
            raise NotPlaced(
                f"{log}: placing {_told(batch)} ended in {_error(first)}; placed again in halves it did not: it is no single record."
                " What was placed so is in, and started again, placing goes on from there; please report what is above"
            ) from first
        last = failed
    (record,) = rest
    raise NotPlaced(
        f"{log}: placing {_told(batch)} ended in {_error(last)}. It is the record at partition {record.partition}, offset {record.offset}"
        f" ({readable(record.incoming.place)}; {record.incoming.length:,} bytes, SHA-256 {sha256(record.incoming)});"
        " what comes before it is in, and nothing of it. Where no newer version places it,"
        f" `journey dead-letters {SET_ASIDE} --partition {record.partition} --offset {record.offset} --reason WHY{options}`"
        " goes on without it: see docs/operating.md"
    ) from last


async def _failed(placement: Placement, some: Sequence[Recorded], after: dict[int, int]) -> Exception | None:
    """The error of ours that placing `some` ends in; None where it was placed."""
    try:
        await placement.run(some, after)
    except _TOLD:
        raise
    except Exception as error:
        return error
    return None


def _reached(some: Sequence[Recorded]) -> dict[int, int]:
    return {record.partition: record.offset for record in some}


def _told(batch: Sequence[Recorded]) -> str:
    """The records of `batch`, by partition: of one, each has its own in the order of their offsets."""
    first: dict[int, int] = {}
    for record in batch:
        first.setdefault(record.partition, record.offset)
    last = _reached(batch)
    return ", ".join(f"partition {one} offsets {first[one]} to {last[one]}" for one in sorted(first))


def _error(error: Exception) -> str:
    text = readable(str(error).partition("\n")[0][:ERROR_LENGTH_MAX])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
