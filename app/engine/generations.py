"""By which definition everything is derived, and how all of it, or one read model, is derived anew while serving goes on."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from app.engine.ports import Progress, RecordKeeper, no_progress
from app.text.definition import cure, lacks
from journey.definition import Definition
from journey.errors import Away, Busy, Refused
from journey.facts import FOLD_VERSION
from journey.instants import Instant
from projections.read_model import ReadStore, Superseded, Switched
from schemas.definition_files import default_definition, dump_definition, kept_definition
from streams.operators import By, Decided, Decision
from streams.ports import Pruned
from streams.rebuilding import Anew, rebuilt
from streams.remarks import Say
from streams.units import Generation

DEFINITION, REBUILD = "definition", "rebuild"
"""The actions, as the control log has them."""

ATTEMPTS_MAX = 5
"""How often a read model is built anew that is superseded each time it is ready."""


async def in_use(engine: RecordKeeper) -> Definition:
    """The definition that the record is derived by. Raises Refused where it was derived by a newer version of us."""
    generation = await engine.record.generation()
    if generation is None:
        return _last(await engine.desk.decisions(DEFINITION))
    if generation.fold_version > FOLD_VERSION:
        raise Refused("the data was derived by a newer version of journey")
    for decision in reversed(await engine.desk.decisions(DEFINITION)):
        if decision.detail["fingerprint"] == generation.definition:
            return _read(decision)
    raise Refused(f"the definition {generation.definition}, by which the data was derived, is not in the control log")


async def bring_up_to_date(engine: RecordKeeper, at: Instant, say: Say, progress: Progress = no_progress) -> None:
    """See to it that everything is derived by the definition that was decided last, by this version of the folds. One does, others wait."""
    if await _wanted(engine) == await engine.record.generation():
        return
    async with engine.alone(REBUILD):
        # Another one may have done it while we waited.
        derived_by = await engine.record.generation()
        if await _wanted(engine) == derived_by:
            return
        decisions = await engine.desk.decisions(DEFINITION)
        definition = _last(decisions)
        first = [] if decisions else [using(definition, "default", None, By(at, "journey", "first start"))]
        if derived_by is None:
            again = []
        else:
            say("what was derived is of another definition or version: deriving it again")
            if lacking := lacks(definition):
                say(cure(lacking))
            why = "what was derived is of another definition or version"
            again = [rebuilding(derived_by, definition, By(at, "journey", why))]
        await derive(engine, definition, [*first, *again], at, progress)


async def derive(engine: RecordKeeper, definition: Definition, decisions: list[Decided], at: Instant, progress: Progress) -> int:
    """Derive everything anew by `definition`, beside what is in use, and switch to it. Returns the position of the switch."""
    anew = Anew(definition, engine.record, progress)
    return await engine.record.rebuild(anew.parts(), Generation(definition.fingerprint, FOLD_VERSION), at, anew.rest, decisions)


async def withdraw(
    engine: RecordKeeper, definition: Definition, import_id: int, decisions: list[Decided], at: Instant, progress: Progress
) -> int:
    """Withdraw what only an import brought, and derive everything anew without it. Returns the position of the switch."""
    by = Generation(definition.fingerprint, FOLD_VERSION)
    return await engine.record.withdraw(import_id, lambda: rebuilt(definition, engine.record, progress), by, at, decisions)


async def rebuild_store(engine: RecordKeeper, store: ReadStore, progress: Progress = no_progress) -> Switched:
    """Build one read model anew from the histories, beside the live one, and switch to it. Raises Away where that never came to an end."""
    for _ in range(ATTEMPTS_MAX):
        derived_by, definition = await engine.record.generation(), await in_use(engine)
        anew = Anew(definition, engine.record, progress)
        async with store.shadow() as shadow:
            async for part in anew.parts():
                await shadow.add(part.facts)
            if await engine.record.generation() != derived_by:
                continue
            try:
                return await shadow.switch(anew.known_at, lambda after: engine.record.changes(after, store.model.kinds))
            except (Superseded, Pruned, Busy):
                continue
    raise Away(f"{store.model.name} was taken by other writers {ATTEMPTS_MAX} times when it was built anew; nothing has changed")


async def follow(engine: RecordKeeper, store: ReadStore, say: Say) -> int:
    """Bring `store` to where the record is; build it anew where what it needs is no longer kept. Returns its position."""
    try:
        return await store.apply(engine.record.changes(await store.position(), store.model.kinds))
    except Pruned:
        say(f"{store.model.name} is too far behind, or of another version: building it anew from the histories")
        return (await rebuild_store(engine, store)).position


def using(definition: Definition, file: str, before: Decision | None, by: By) -> Decided:
    """The decision to use `definition` from now on."""
    was = before and {name: before.detail[name] for name in ("file", "fingerprint")}
    after = {"file": file, "fingerprint": definition.fingerprint}
    return Decided(by, DEFINITION, {**after, "yaml": dump_definition(definition), "before": was, "after": after})


def rebuilding(before: Generation | None, definition: Definition, by: By) -> Decided:
    """The decision to derive everything again."""
    detail: dict[str, Any] = {
        "what": "all",
        "before": before and before._asdict(),
        "after": Generation(definition.fingerprint, FOLD_VERSION)._asdict(),
    }
    return Decided(by, REBUILD, detail)


async def _wanted(engine: RecordKeeper) -> Generation:
    return Generation(_last(await engine.desk.decisions(DEFINITION)).fingerprint, FOLD_VERSION)


def _last(decisions: Sequence[Decision]) -> Definition:
    return _read(decisions[-1]) if decisions else default_definition()


def _read(decision: Decision) -> Definition:
    return _parsed(decision.detail["yaml"], decision.detail["file"])


@lru_cache(maxsize=4)
def _parsed(yaml: str, file: str) -> Definition:
    """A worker asks twice when it starts, and reading one takes a twentieth of a second."""
    return kept_definition(yaml, file)
