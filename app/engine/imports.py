"""Imports: what an `ingest` takes in has a number, by which it is listed and taken back."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.engine.derived_anew import told
from app.engine.generations import REBUILD
from app.engine.json_files import named
from app.engine.ports import Engine
from app.text.arguments import name_of
from app.text.printing import progress
from journey.errors import Refused
from journey.instants import Instant, iso
from schemas.incoming import Incoming
from streams.operators import By, Decided, Decision
from streams.set_aside import RETRACT
from streams.units import Imported

IMPORT = "import"
"""The action, as the control log has it. The number of that decision is the import's."""

ID_BITS = 59
"""Ids are random: Kafka's records have them too, and may outlive the record that they were published for, and its numbers."""


class Import(NamedTuple):
    """One of them, and what became of it."""

    number: int
    id: int
    at: Instant
    actor: str
    files: list[str]
    read_as: str
    """Its map or its format."""
    counts: Imported
    state: str
    """whole; retracted; else interrupted: cut off on the way, or still under way."""


async def begun(engine: Engine, paths: Sequence[Path], read_as: dict[str, str], by: By) -> tuple[int, int]:
    """Record that an import begins. Returns its number and its id."""
    import_id = secrets.randbits(ID_BITS) or 1
    detail = {"import_id": import_id, "files": [_file(path) for path in paths], **read_as}
    number = await engine.desk.decide(at=by.at, actor=by.actor, action=IMPORT, reason=by.reason, detail=detail)
    return number, import_id


def stamped(incoming: Iterable[Incoming], import_id: int) -> Iterator[Incoming]:
    """`incoming`, each with the import that it comes with."""
    for one in incoming:
        yield one._replace(import_id=import_id)


def _file(path: Path) -> dict[str, Any]:
    """Which file it is: a pipe can be read only once, and is known by its name."""
    if not path.is_file():
        return {"name": named(path)}
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": name_of(path), "bytes": file.tell(), "sha256": sha256}


async def listed(engine: Engine) -> list[Import]:
    """All imports, oldest first."""
    counted, whole = await engine.desk.imported(), await engine.desk.whole()
    retracted = {one.detail["import_id"] for one in await engine.desk.decisions(RETRACT)}
    found = []
    for one in await engine.desk.decisions(IMPORT):
        import_id = one.detail["import_id"]
        counts = counted.get(import_id, Imported())
        counts.read = whole.get(import_id, counts.read)
        state = "retracted" if import_id in retracted else "whole" if import_id in whole else "interrupted"
        files = [file["name"] for file in one.detail["files"]]
        found.append(Import(one.number, import_id, one.at, one.actor, files, one.detail.get("map") or one.detail["format"], counts, state))
    return found


async def retract(engine: Engine, number: int | None, import_id: int | None, by: By, *, dry_run: bool) -> dict[str, Any]:
    """Withdraw what only import `number` brought, with the decision, and say what changed. Raises Refused where there is none.

    By its id, where it is one of another record: what is read of Kafka's log that came with it is nothing.
    """
    async with engine.alone(REBUILD):
        detail: dict[str, Any] = {"import": number, "import_id": import_id, "of": []}
        if number is not None:
            one = await _decision(engine, number)
            import_id = one.detail["import_id"]
            detail = {"import": number, "import_id": import_id, "of": [file["name"] for file in one.detail["files"]]}
        assert import_id is not None
        answer: dict[str, Any] = {"import": number, "id": str(import_id)}
        if before := await _retracted(engine, import_id):
            return {**answer, "changed": False, "retracted": {"at": iso(before.at), "actor": before.actor, "reason": before.reason}}
        only = await engine.record.only_brought(import_id)
        answer |= {"changed": not dry_run, **only.counts}
        if dry_run:
            return answer
        detail |= {"withdrawn": only.counts, "dismissed": only.dismissed, "open_again": only.open_again}
        async with engine.record.turn():
            # Nothing of it is placed, as in an empty record; and no unit commits that does not know of the decision.
            if not any(await engine.record.only_brought(import_id)):
                await engine.desk.decide(at=by.at, actor=by.actor, action=RETRACT, reason=by.reason, detail=detail)
                return {**answer, "position": await engine.record.position()}
        decided = Decided(by, RETRACT, detail)
        with progress(await engine.record.subjects_count(), "deriving everything without it") as tell:
            position = await engine.withdraw(import_id, [decided], tell)
        return {**answer, **await told(engine, position)}


async def _decision(engine: Engine, number: int) -> Decision:
    found = await engine.desk.decisions(IMPORT, after=number - 1, limit=1)
    if found and found[0].number == number:
        return found[0]
    raise Refused(
        f"there is no import {number}; `journey imports` lists them. What came by no import (a stream, or before there were any) can't be"
        " retracted so: send its touchpoints' 'retracted'"
    )


async def _retracted(engine: Engine, import_id: int) -> Decision | None:
    return next((one for one in await engine.desk.decisions(RETRACT) if one.detail["import_id"] == import_id), None)
