"""`journey definition`: what a journey is, as data: checked, shown and put to use."""

from importlib.resources import files
from typing import Annotated, Any

import typer

from app.engine.access import read, start, user, write
from app.engine.clock import now
from app.engine.derived_anew import show_rebuilt, use
from app.engine.ports import Engine
from app.text.arguments import Actor, Data, File, Json, Reason, first_told, name_of
from app.text.definition import cure, lacks
from app.text.printing import as_it_came, as_json, note, pairs
from journey.definition import Definition, unused
from schemas.definition_files import default_definition, dump_definition, load_definition
from streams.operators import By

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What a journey is: stages, rules, scoring, channels.")


@app.command("check")
def definition_check(file: File, json: Json = False) -> None:
    """Read a definition and say what is wrong with it, each mistake with file and line."""
    definition = load_definition(file)
    answer = {"file": name_of(file), "name": definition.name, "fingerprint": definition.fingerprint}
    if json:
        as_json({**answer, "not_used_yet": unused(definition)})
    else:
        pairs(answer)
        _note_unused(definition)
    if lacking := lacks(definition):
        note(cure(lacking, name_of(file)))


@app.command("show")
def definition_show(
    data: Data = None,
    default: Annotated[bool, typer.Option("--default", help="Print the one that ships, with its comments, to copy and change.")] = False,
    json: Json = False,
) -> None:
    """Print the definition in use, as YAML."""
    if default:
        definition, text = default_definition(), files("schemas").joinpath("definitions", "default.yaml").read_text("utf-8")
    else:
        definition = read(data, lambda engine: engine.definition())
        text = dump_definition(definition)
    if lacking := lacks(definition):
        note(cure(lacking))
    if json:
        as_json({"fingerprint": definition.fingerprint, **definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)})
    else:
        as_it_came(text.encode())


@app.command("use")
def definition_use(
    file: File,
    data: Data = None,
    actor: Actor = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Use another definition. Everything is derived again by it, beside what is in use, and then takes over at one position.

    Recorded in the control log. If it is killed on the way, nothing has changed: run it again.
    """
    definition = first_told(lambda: load_definition(file), f"journey definition check {file} lists them")

    by = By(now(), actor or user(), reason)

    async def run(engine: Engine) -> dict[str, Any]:
        await start(engine)
        return await use(engine, definition, name_of(file), by)

    answer = write(data, run, begins=True)  # Before the first file is taken in, it may be used too.
    if answer["before"] == answer["definition"]:
        note("it is in use already; nothing was changed")
    elif not json:
        _note_unused(definition)
    if json:
        as_json({**answer, "not_used_yet": unused(definition)})
    else:
        show_rebuilt(answer)


def _note_unused(definition: Definition) -> None:
    if settings := unused(definition):
        note(f"kept, not used yet: {', '.join(settings)}")
