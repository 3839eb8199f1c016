"""Units as placement would make them, written out by hand."""

from collections.abc import Iterable
from typing import Any

from journey.histories import keys
from schemas.decode import decode
from schemas.intended import Name
from streams.ports import Histories
from streams.units import BodyRow, Unit
from tests.streams.builders import LATER


def row(line: bytes, *, voided: bool = False) -> BodyRow:
    touch, body, unknown, digest = decode(line)
    return BodyRow(touch, body, digest, keys(touch), unknown, voided)


def name(line: bytes) -> Name:
    touch = decode(line).touch
    return touch.subject, touch.source, touch.id


async def unit(histories: Histories, *lines: bytes, rows: Iterable[BodyRow] = (), **more: Any) -> Unit:
    """The next unit of partition 0, one record for each of `lines`."""
    after = (await histories.offsets()).get(0, -1)
    reached = after + max(1, len(lines))
    return Unit({0: after}, {0: reached}, LATER, rows=[*map(row, lines), *rows], **more)


async def commit(histories: Histories, *lines: bytes, **more: Any) -> int:
    return await histories.commit(await unit(histories, *lines, **more))
