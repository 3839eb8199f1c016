"""Records that somebody set aside: no touchpoints, but dead letters, wherever the log is read again.

The decision is in the control log, by the record's place in the log and the hash of its bytes. A unit knows of all such decisions or is
refused, so it takes effect at once, and a record is either placed or set aside, never both.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from journey.errors import Refused
from schemas.incoming import Incoming
from streams.operators import By, ControlLog, SetAside, SetAsideReason
from streams.ports import Histories, Log
from streams.units import Recorded

SET_ASIDE = "set-aside"
"""The action, as the control log has it, and the code of the dead letter."""

RETRACT = "retract"
"""The action that takes back an import."""

SETTING_ASIDE = f"('{SET_ASIDE}', '{RETRACT}')"
"""The actions that a unit has to know of, as SQL has them."""

EMBEDDED = "embedded"
"""What the control log calls the log of an embedded record, as it calls Kafka's by the id of its topic."""


def decided(rows: Iterable[tuple[int, str, str, str]], log: str) -> SetAside:
    """What the decisions `rows` (number, action, reason, detail) say of the log of that name."""
    number, records, imports = 0, {}, set()
    for number, action, reason, detail in rows:  # noqa: B007  # the last one is what is asked for
        what = orjson.loads(detail)
        if action == RETRACT:
            imports.add(what["import_id"])
        elif what["log"] == log:
            records[what["partition"], what["offset"]] = SetAsideReason(reason, what["sha256"])
    return SetAside(number, records, frozenset(imports))


def is_aside(record: Recorded, aside: SetAside) -> SetAsideReason | None:
    """Why `record` is set aside; None where it is not."""
    found = aside.records.get((record.partition, record.offset))
    return found if found is not None and found.sha256 == sha256(record.incoming) else None


def sha256(incoming: Incoming) -> str:
    """Of the bytes as they came: those that its dead letter keeps, or keeps the beginning of."""
    return hashlib.sha256(incoming.raw).hexdigest() if incoming.whole is None else incoming.whole.sha256


async def set_aside(
    log: Log, histories: Histories, control: ControlLog, name: str, partition: int, offset: int, by: By
) -> tuple[Recorded, bool]:
    """Decide that the record at `offset` is set aside; `name` is what the control log calls the log.

    Returns the record, and False where it was so already. Raises Refused where nothing is there, or it is placed.
    """
    if partition not in (there := sorted(await log.partitions())):
        raise Refused(f"the log has no partition {partition}; it has {', '.join(map(str, there))}")
    await _check_not_placed(histories, partition, offset)
    found = await log.read(partition, after=offset - 1, limit=1)
    if not found:
        raise Refused(f"partition {partition} has nothing at offset {offset} yet")
    (record,) = found
    if record.offset != offset:
        raise Refused(f"partition {partition} has nothing at offset {offset}; what comes next is at {record.offset}")
    async with histories.turn():
        # No unit commits meanwhile: from here on each knows of it.
        await _check_not_placed(histories, partition, offset)
        if is_aside(record, await histories.set_aside()) is not None:
            return record, False
        await control.decide(at=by.at, actor=by.actor, action=SET_ASIDE, reason=by.reason, detail=_detail(name, record))
    return record, True


async def _check_not_placed(histories: Histories, partition: int, offset: int) -> None:
    stands = (await histories.offsets()).get(partition, -1)
    if offset <= stands:
        raise Refused(
            f"offset {offset} of partition {partition} is placed already, as is all up to {stands}; to take back what it said,"
            " send its touchpoint's 'retracted'"
        )


def _detail(name: str, record: Recorded) -> dict[str, Any]:
    return {
        "log": name, "partition": record.partition, "offset": record.offset, "place": record.incoming.place,
        "bytes": record.incoming.length, "sha256": sha256(record.incoming), "before": "not placed", "after": "set aside",
    }  # fmt: skip
