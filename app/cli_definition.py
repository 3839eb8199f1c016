"""`journey definition`: what a journey is, as data: checked, shown and put to use."""

import sys
from importlib.resources import files
from typing import Annotated, Any

import typer

from app.arguments import Actor, Data, File, Json, Reason, first_told
from app.doors import read, start, user, write
from app.engine import Engine
from app.printing import as_json, note, pairs
from schemas.definition_files import default_definition, dump_definition, load_definition

app = typer.Typer(no_args_is_help=True, help="What a journey is: stages, rules, scoring, channels.")


@app.command("check")
def definition_check(file: File, json: Json = False) -> None:
    """Read a definition and say what is wrong with it, each mistake with file and line."""
    definition = load_definition(file)
    answer = {"file": str(file), "name": definition.name, "fingerprint": definition.fingerprint}
    if json:
        as_json(answer)
    else:
        pairs(answer)


@app.command("show")
def definition_show(
    data: Data = None,
    default: Annotated[bool, typer.Option("--default", help="The one that ships, with its comments: to copy and change.")] = False,
    json: Json = False,
) -> None:
    """Print the definition in use, as YAML."""
    if default:
        definition, text = default_definition(), files("schemas").joinpath("definitions", "default.yaml").read_text("utf-8")
    else:
        definition = read(data, lambda engine: engine.definition())
        text = dump_definition(definition)
    if json:
        as_json({"fingerprint": definition.fingerprint, **definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)})
    else:
        sys.stdout.write(text)


@app.command("use")
def definition_use(
    file: File,
    data: Data = None,
    actor: Actor = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Use another definition: it is recorded in the control log, and everything is derived again by it."""
    definition = first_told(lambda: load_definition(file), f"journey definition check {file} lists them")

    async def run(engine: Engine) -> dict[str, Any]:
        await start(engine)
        before = (await engine.definition()).fingerprint
        if before != definition.fingerprint:
            await engine.use(definition, file=str(file), actor=actor or user(), reason=reason)
            await start(engine)
        return {"before": before, "definition": definition.fingerprint, "position": await engine.record.position()}

    answer = write(data, run)
    if answer["before"] == answer["definition"]:
        note("it is in use already; nothing was changed")
    if json:
        as_json(answer)
    else:
        pairs(answer)
