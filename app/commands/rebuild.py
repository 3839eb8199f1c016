"""`journey rebuild`: read models derived anew from the histories, beside those in use; or everything, from the log."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from app.engine.access import start, user, with_servers, write
from app.engine.clock import now
from app.engine.derived_anew import as_answer, derived, show_rebuilt
from app.engine.generations import REBUILD, rebuild_store, rebuilding
from app.engine.ports import Engine
from app.settings import Servers, needs_clients, where
from app.text.arguments import Actor, Data, Json, Reason
from app.text.printing import as_json, note, progress
from journey.errors import Refused
from streams.operators import By

app = typer.Typer(add_completion=False)


class RebuildPart(StrEnum):
    marketing = "marketing"
    sales = "sales"
    all = "all"


@app.command()
def rebuild(
    what: Annotated[RebuildPart, typer.Argument(help="One read model; or all: journeys and both read models.", show_default=False)],
    from_log: Annotated[
        bool,
        typer.Option(
            "--from-log",
            help="With `all`, into an empty record: take in everything that Kafka still holds, and report what it no longer holds.",
        ),
    ] = False,
    actor: Actor = None,
    reason: Reason = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Derive a read model, or everything, again from the histories, beside what is in use; then it takes over.

    Prints the digests before and after, and how many rows changed in each table: none, if all is well. Recorded in the control log.
    If it is killed on the way, nothing has changed: run it again.
    """
    if from_log:
        _from_log(what, actor or user(), reason, json=json)
        return

    async def run(engine: Engine) -> dict[str, Any]:
        engine.mend(note)
        await start(engine)
        by = By(now(), actor or user(), reason)
        async with engine.alone(REBUILD):
            if what is RebuildPart.all:
                definition = await engine.definition()
                return await derived(engine, definition, rebuilding(await engine.record.generation(), definition, by))
            store = engine.marketing if what is RebuildPart.marketing else engine.sales
            with progress(await engine.record.subjects_count(), f"building {what} anew") as tell:
                answer = as_answer(await rebuild_store(engine, store, tell))
            detail = {"what": what.value, "before": {"digest": answer["before"]}, "after": {"digest": answer["after"]}}
            detail["tables"] = answer["tables"]
            await engine.desk.decide(at=by.at, actor=by.actor, action=REBUILD, reason=by.reason, detail=detail)
            return {"position": answer["position"], what.value: answer}

    answer = write(data, run)
    if json:
        as_json(answer)
    else:
        show_rebuilt(answer)


def _from_log(what: RebuildPart, actor: str, reason: str, *, json: bool) -> None:
    place = where(None)
    if not isinstance(place, Servers):
        raise Refused(
            "--from-log places what Kafka holds; set JOURNEY_KAFKA and JOURNEY_POSTGRES (embedded data is its own log: `rebuild all`)"
        )
    if what is not RebuildPart.all:
        raise Refused("--from-log fills an empty record, which both read models are of: journey rebuild all --from-log")
    instance = place.instance
    needs_clients()
    import uvloop

    from app.engine.log_replay import from_log, show_from_log  # once the clients are known to be there

    answer = uvloop.run(with_servers(place, lambda engine: from_log(engine, instance, By(now(), actor, reason), note)))
    if json:
        as_json(answer)
    else:
        show_from_log(answer)
