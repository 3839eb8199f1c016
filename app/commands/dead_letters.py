"""`journey dead-letters`: what could not be read, contradicts or retracts nothing: looked at, put right, sent again, dismissed."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from app.engine.access import read, start, user, write
from app.engine.clock import now
from app.engine.ports import Engine
from app.engine.requeuing import Requeued, decided_about, dismiss_waiting, requeue_named, requeue_waiting
from app.text import dead_letters as show
from app.text.arguments import Actor, Data, Json, Reason, Why, why
from app.text.printing import as_json, note, pairs
from journey.errors import Refused
from schemas.json_formats import Format
from streams.operators import By, Conflict, Decision, Letter, State
from streams.set_aside import set_aside, sha256
from streams.units import Recorded

app = typer.Typer(
    add_completion=False,
    help="What could not be read, with its bytes and the reason; conflicts (two bodies under one id); retractions that take nothing back.",
)

After = Annotated[int, typer.Option(min=0, max=2**53, help="Only those after this number.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many.")]
States = Annotated[
    list[State] | None,
    typer.Option(
        "--state", help="Only those in this state; may be given several times. Default: open; with --json: all.", show_default=False
    ),
]
Code = Annotated[str | None, typer.Option("--code", help="Only those with this code.", metavar="CODE", show_default=False)]
Source = Annotated[
    str | None, typer.Option("--source", help="Only those from this file or topic, as listed.", metavar="SOURCE", show_default=False)
]
Every = Annotated[bool, typer.Option("--all", help="All that are open or fixed.")]
Named = Annotated[
    str, typer.Argument(metavar="N", help="A number that `journey dead-letters` lists; cN is a conflict.", show_default=False)
]


NUMBER = re.compile(r"(c?)([1-9][0-9]{0,14})")


@app.callback(invoke_without_command=True)
def dead_letters(
    context: typer.Context,
    after: After = 0,
    limit: Limit = 100,
    state: States = None,
    code: Code = None,
    source: Source = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """What could not be read, with its bytes and the reason; conflicts (two bodies under one id); retractions that take nothing back."""
    if context.invoked_subcommand is None:
        list_(after, limit, state, code, source, data, json)
    elif after or state or code or source or data or json:
        raise Refused(f"options go last: journey dead-letters {context.invoked_subcommand} … --data DIR")


@app.command("list")
def list_(
    after: After = 0,
    limit: Limit = 100,
    state: States = None,
    code: Code = None,
    source: Source = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """List those that are open, or in another state; all of them, or those with one code or from one source."""
    states = tuple(state or (State if json else (State.open,)))

    async def run(engine: Engine) -> Any:
        desk = engine.desk
        codes = {one: found for one, found in (await desk.codes(states, source)).items() if code in (None, one)}
        listed = codes, await desk.kept(after=after, limit=limit, states=states, code=code, source=source), await desk.states()
        if code is not None or source is not None:
            return *listed, [], []  # Neither conflicts nor idle retractions have one.
        conflicts = [one for one in await desk.conflicts() if (State.dismissed if one.dismissed else State.open) in states]
        return *listed, conflicts, await desk.idle_retractions()

    show.listed(*read(data, run), asked=states, json=json)


@app.command("show")
def show_(
    number: Named,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write its bytes as they came, and nothing else; of a conflict, those of the body that does not count."),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Everything that is known of one: its bytes, what it was meant to be, its fix, and what became of it, with who decided and why."""
    is_conflict, wanted = _number(number)
    if is_conflict:
        conflict = read(data, lambda engine: _conflict(engine, wanted))
        if raw:
            show.raw_of_conflict(conflict)
        else:
            show.conflict(conflict, json=json)
        return

    async def run(engine: Engine) -> tuple[Letter | None, list[Decision]]:
        return await engine.desk.show(wanted), await decided_about(engine, wanted)

    one, decided = read(data, run)
    if one is None:
        raise Refused(f"there is no dead letter {wanted}")
    if raw:
        show.raw(one)
    else:
        show.letter(one, decided, json=json)


@app.command()
def fix(
    number: Named,
    body: Annotated[
        Path | None,
        typer.Option(
            "--body", metavar="FILE", help="A touchpoint to send in its place; - is standard input.", show_default=False, readable=False
        ),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="The format of the body; auto: recognised.")] = Format.auto,
    row: Annotated[
        Path | None,
        typer.Option(
            "--row",
            metavar="FILE",
            help="Its row of CSV, corrected, below a line with the columns where these are not known; - is standard input.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    map: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="MAP", help="The map that the row is read with. Default: its import's.", show_default=False, readable=False
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="With --row: the time zone of its times. Default: its import's.", show_default=False),
    ] = None,
    data: Data = None,
    actor: Actor = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Keep a corrected body for one. Its first bytes stay; `requeue` sends the fix."""
    is_conflict, wanted = _number(number)
    if is_conflict:
        raise _only_dismissed(wanted)
    if (body is None) == (row is None) or (row is None and (map is not None or zone is not None)):
        raise Refused(
            f"with what? `journey dead-letters fix {number} --body FILE`, or `journey dead-letters fix {number} --row FILE --map MAP`"
        )
    by = By(now(), actor or user(), reason)
    # Only those who fix one wait until maps are understood.
    from app.engine import replacements as fixing

    said = fixing.content(row or body or Path())
    reading = format if row is None else fixing.AsRow(map, zone)

    async def run(engine: Engine) -> fixing.FixedLetter:
        await start(engine)
        return await fixing.fix(engine, wanted, said, reading, by)

    fixed = write(data, run)
    if not fixed.is_new:
        note("it is fixed so already; nothing was changed")
    answer = {"number": wanted, "state": State.fixed}
    if json:
        as_json(answer)
    else:
        pairs(answer)
        for one in fixed.taken:
            note(one)
        note(f"`journey dead-letters requeue {wanted}` sends it")


@app.command()
def requeue(
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[N…]", help="Numbers that `journey dead-letters` lists.", show_default=False)
    ] = None,
    code: Code = None,
    source: Source = None,
    every: Every = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any is still unreadable, or needs a fix first.")] = False,
    data: Data = None,
    actor: Actor = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Send some again: the fixed body, or the bytes as they are, which a newer version or definition may be able to read.

    Returns when both read models have them.
    """
    _check_which("requeue", numbers, code, source, every)
    wanted = _letters(numbers or [])
    by = By(now(), actor or user(), reason)

    async def run(engine: Engine) -> Requeued:
        await start(engine)
        return await (requeue_named(engine, wanted, by) if wanted else requeue_waiting(engine, code, by, source))

    done = write(data, run)
    for number in done.before:
        note(f"{number} is in already")
    show.requeued(done, json=json)
    if strict and (left := len(done.still) + len(done.need_fix)):
        raise Refused(f"--strict, and {left:,} of {done.sent + len(done.need_fix):,} still can't be read")


@app.command()
def dismiss(
    reason: Why,
    numbers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[N…]", help="Numbers that `journey dead-letters` lists; cN is a conflict.", show_default=False),
    ] = None,
    code: Code = None,
    source: Source = None,
    every: Every = False,
    data: Data = None,
    actor: Actor = None,
    json: Json = False,
) -> None:
    """Close some that are not wanted, or whose content is in already. Their bytes stay."""
    _check_which("dismiss", numbers, code, source, every)
    named = [_number(text) for text in numbers or []]
    letters = [number for is_conflict, number in named if not is_conflict]
    conflicts = [number for is_conflict, number in named if is_conflict]
    by = By(now(), actor or user(), why(reason))

    async def run(engine: Engine) -> int:
        await start(engine)
        if numbers:
            return await engine.desk.dismiss(letters, conflicts, by)
        return await dismiss_waiting(engine, code, source, by)

    answer = {"dismissed": write(data, run)}
    if json:
        as_json(answer)
    else:
        pairs(answer)


@app.command("set-aside")
def set_aside_(
    partition: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The partition of the log; embedded data has only 0.", show_default=False)
    ],
    offset: Annotated[int, typer.Option(min=0, max=2**53, help="The offset of the record in it.", show_default=False)],
    reason: Why,
    data: Data = None,
    actor: Actor = None,
    json: Json = False,
) -> None:
    """Go on without a record that a bug of ours stops on: it becomes a dead letter, whose bytes stay and can be requeued."""
    by = By(now(), actor or user(), why(reason))

    async def run(engine: Engine) -> tuple[Recorded, bool]:
        # Decided before anything is placed: what is to be placed first is what can't be.
        done = await set_aside(engine.log(), engine.record, engine.desk, engine.record.topic, partition, offset, by)
        await start(engine)
        return done

    record, is_new = write(data, run)
    if not is_new:
        note("it is set aside already; nothing was changed")
    one = record.incoming
    answer = {"partition": partition, "offset": offset, "place": one.place, "bytes": one.length, "sha256": sha256(one)}
    if json:
        as_json({**answer, "changed": is_new})
    else:
        pairs(answer)
        note("in force: where it is placed next, it is a dead letter `set-aside`, and so it is wherever this record reads the log again")


def _check_which(command: str, numbers: Collection[str] | None, code: str | None, source: str | None, every: bool) -> None:
    """Raises Refused where letters are chosen in no way, or by number and otherwise too."""
    is_some = every or code is not None or source is not None
    if bool(numbers) == is_some:
        raise Refused(f"which ones? `journey dead-letters {command} N…`, or --code CODE, --source SOURCE, or --all")


async def _conflict(engine: Engine, number: int) -> Conflict:
    for one in await engine.desk.conflicts():
        if one.number == number:
            return one
    raise Refused(f"there is no conflict c{number}")


def _number(text: str) -> tuple[bool, int]:
    """Whether it is a conflict's, and the number."""
    found = NUMBER.fullmatch(text)
    if found is None:
        raise Refused(f"{text!r} is no number of a dead letter; `journey dead-letters` lists them, such as 3, and conflicts, such as c1")
    return bool(found[1]), int(found[2])


def _letters(texts: list[str]) -> list[int]:
    named = [_number(text) for text in texts]
    for is_conflict, number in named:
        if is_conflict:
            raise _only_dismissed(number)
    return [number for _, number in named]


def _only_dismissed(number: int) -> Refused:
    return Refused(
        f"c{number} is a conflict, both of whose bodies are kept: dismiss it, or ingest the one that does not count under an id of its own"
        f" (`journey dead-letters show c{number} --raw` writes it)"
    )
