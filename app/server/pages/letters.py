"""Pages of dead letters: looked at, put right, sent again, dismissed, one by one or many at once."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.engine.clock import now
from app.engine.ports import Engine
from app.engine.requeuing import Requeued, decided_about, dismiss_waiting, requeue_named, requeue_waiting
from app.server.access import Actor, Right, needs
from app.server.pages.entrance import FORM_BYTES_MAX, form_of, one_of, reason_of, text_of
from app.server.pages.rendering import page
from app.server.problems import HttpProblem, as_parameters
from app.server.served import Run, Served
from app.text import dead_letters as words
from journey.errors import Refused
from journey.instants import iso
from schemas.intended import columns_of, names_meant
from schemas.json_formats import Format
from schemas.strict_json import BODY_BYTES_MAX, Unreadable
from streams.dead_letters import incoming_of, names_of, several
from streams.operators import By, Decision, Letter, State

router = APIRouter(include_in_schema=False)

SHOWN = 100
CONFLICTS_SHOWN = 50
NUMBER_MAX = 2**53
FIX_BYTES_MAX = 3 * BODY_BYTES_MAX + FORM_BYTES_MAX
"""A form has three bytes for many a character."""

PLACED_SECONDS_MAX = 45.0
"""How long a page waits until what it sent is in, where workers place it. It goes on without the page."""

ROW = "row"
"""What a fix is read as that is a row of CSV; else it is one of `Format`."""

_NUMBER = re.compile(r"(c?)([1-9][0-9]{0,14})", re.ASCII)


class LetterFilter(NamedTuple):
    """Which letters are listed, as the address says it."""

    state: State
    code: str
    source: str

    def address(self, **changes: object) -> str:
        words = {"state": self.state.value, "code": self.code, "source": self.source, **changes}
        return "?" + urlencode({name: value for name, value in words.items() if value})


@router.get("/dead-letters", dependencies=[needs(Right.operate)])
async def dead_letters(request: Request) -> HTMLResponse:
    words_asked = request.query_params
    state = State(words_asked["state"]) if words_asked.get("state") in [*State] else State.open
    which = LetterFilter(state, words_asked.get("code", ""), words_asked.get("source", ""))
    after = _number(words_asked.get("after", "0")) or 0

    async def run(engine: Engine) -> Any:
        desk, code, source = engine.desk, which.code or None, which.source or None
        return (
            await desk.codes((state,), source),
            await desk.kept(after=after, limit=SHOWN, states=(state,), code=code, source=source),
            await desk.states(),
            await desk.codes((State.open, State.fixed), source),
            [one for one in await desk.conflicts() if not one.dismissed],
            await desk.idle_retractions(),
        )

    codes, letters, states, waiting, conflicts, idle = await _served(request).read(run)
    return page(
        request,
        "dead_letters.html",
        which=which,
        codes=codes,
        letters=letters,
        states=states,
        waiting=sum(count for name, (count, _) in waiting.items() if which.code in ("", name)),
        conflicts=conflicts[:CONFLICTS_SHOWN],
        conflicts_more=max(len(conflicts) - CONFLICTS_SHOWN, 0),
        idle=[(one, words.why_idle(one)) for one in idle[:CONFLICTS_SHOWN]],
        limit=SHOWN,
        all_states=list(State),
        iso=iso,
        done=words_asked.get("done", ""),
    )


@router.post("/dead-letters", dependencies=[needs(Right.operate)])
async def decide(request: Request, actor: Actor) -> RedirectResponse:
    """Send again or dismiss those that are ticked, or all that wait of the code and the source that are listed."""
    form = await form_of(request)
    named = [_named(text) for text in form.get("number", [])]
    letters = [number for is_conflict, number in named if not is_conflict]
    conflicts = [number for is_conflict, number in named if is_conflict]
    is_all = one_of(form, "which") == "all"
    code, source = one_of(form, "code") or None, one_of(form, "source") or None
    if not is_all and not named:
        raise HttpProblem(400, "none is ticked; tick those that are meant, or choose all that wait")
    by, served = By(now(), actor, one_of(form, "reason")), _served(request)
    match one_of(form, "do"):
        case "requeue" if is_all:
            told = await _requeued(served, lambda engine: requeue_waiting(engine, code, by, source))
        case "requeue" if conflicts:
            raise HttpProblem(400, "of a conflict both bodies are kept, and none is sent again: dismiss it")
        case "requeue":
            told = await _requeued(served, lambda engine: requeue_named(engine, letters, by))
        case "dismiss":
            reason_of(form)
            told = _dismissed(
                await served.change(
                    lambda engine: dismiss_waiting(engine, code, source, by) if is_all else engine.desk.dismiss(letters, conflicts, by)
                )
            )
        case other:
            raise HttpProblem(400, f"{other!r} is nothing to do; there are requeue and dismiss")
    back = {"state": one_of(form, "state"), "code": code or "", "source": source or ""}
    return RedirectResponse(f"/dead-letters?{urlencode({**{name: text for name, text in back.items() if text}, 'done': told})}", 303)


@router.get("/dead-letters/{number:int}", dependencies=[needs(Right.operate)])
async def dead_letter(request: Request, number: int) -> HTMLResponse:
    return await _shown(request, number, done=request.query_params.get("done", ""))


@router.post("/dead-letters/{number:int}", dependencies=[needs(Right.operate)])
async def decide_one(request: Request, number: int, actor: Actor) -> Any:
    """Keep what was written as the fix of a letter, send it again, or dismiss it."""
    form = await form_of(request, FIX_BYTES_MAX)
    by, served = By(now(), actor, one_of(form, "reason")), _served(request)
    match one_of(form, "do"):
        case "fix" | "fix and requeue" as do:
            try:
                told = await _fixed(served, number, form, by)
            except Refused as refused:
                return await _shown(request, number, written=form, why=as_parameters(str(refused)), status=400)
            if do != "fix":
                told += f"; {await _requeued(served, lambda engine: requeue_named(engine, [number], by))}"
        case "requeue":
            told = await _requeued(served, lambda engine: requeue_named(engine, [number], by))
        case "dismiss":
            reason_of(form)
            told = _dismissed(await served.change(lambda engine: engine.desk.dismiss([number], [], by)))
        case other:
            raise HttpProblem(400, f"{other!r} is nothing to do; there are fix, requeue and dismiss")
    return RedirectResponse(f"/dead-letters/{number}?{urlencode({'done': told})}", 303)


async def _fixed(served: Served, number: int, form: dict[str, list[str]], by: By) -> str:
    """Raises Refused where what was written can't be read either."""
    from app.engine import replacements  # Only those who fix one wait until maps are understood.
    from schemas.shipped_maps import shipped_path

    read_as, map, zone = (one_of(form, name) for name in ("read_as", "map", "zone"))
    reading: Format | replacements.AsRow
    if read_as == ROW:
        # A path of the server's is none.
        reading = replacements.AsRow(shipped_path(map) if map else None, zone or None)
    else:
        reading = Format(read_as) if read_as in [*Format] else Format.auto
    said = text_of(form, "body").strip("\n").encode("utf-8", "replace")
    if not said.strip():
        raise Refused("there is nothing in it; to close the letter, dismiss it")
    fixed = await served.change(lambda engine: replacements.fix(engine, number, said, reading, by))
    kept = "the fix is kept" if fixed.is_new else "it is fixed so already"
    return "; ".join([kept, *(taken.split(" (--", 1)[0] for taken in fixed.taken)])


async def _shown(
    request: Request, number: int, *, written: dict[str, list[str]] | None = None, why: str = "", done: str = "", status: int = 200
) -> HTMLResponse:  # fmt: skip
    """The page of a letter, with what was `written` on it where that can't be read."""

    async def run(engine: Engine) -> tuple[Letter | None, list[Decision]]:
        letter = await engine.desk.show(number) if number <= NUMBER_MAX else None
        return letter, [] if letter is None else await decided_about(engine, number)

    letter, decided = await _served(request).read(run)
    if letter is None:
        raise HttpProblem(404, f"there is no dead letter {number}")
    columns = columns_of(letter.body) if letter.kept.needs_fix else []
    text = _text(letter.fix or letter.raw)
    form = written or {}
    return page(
        request,
        "dead_letter.html",
        status=status,
        letter=letter,
        columns=columns,
        text=_text(letter.raw),
        fix=None if letter.fix is None else _text(letter.fix),
        meant=_meant(letter),
        history=[words.told(step).partition("  ") for step in words.history(letter, decided)],
        can_be_sent=letter.kept.to_send > 0,
        may_be_fixed=letter.kept.state is not State.requeued,
        body=text_of(form, "body") if written else text,
        read_as=one_of(form, "read_as") or (ROW if columns and letter.fix is None else Format.auto.value),
        formats=list(Format),
        row=ROW,
        map=one_of(form, "map"),
        zone=one_of(form, "zone"),
        reason=one_of(form, "reason"),
        why=why,
        done=done,
        iso=iso,
    )


def _meant(letter: Letter) -> Sequence[str]:
    """Whom it is about, where that can be known: the subjects of what is sent, or was meant to be."""
    try:
        names = names_of(several(letter) or [letter.fix]) if letter.fix is not None else names_meant(incoming_of(letter))
    except Unreadable:
        names = ()
    return sorted({subject for subject, _, _ in names})


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


async def _requeued(served: Served, run: Run[Requeued]) -> str:
    """What became of what was sent again, where it is placed soon."""
    try:
        async with asyncio.timeout(PLACED_SECONDS_MAX):
            done = await served.change_at_length(run)
    except TimeoutError:
        return "sent, and not placed yet; look again once workers are there (/status)"
    parts = [f"{done.came_in:,} came in"]
    parts += [f"{len(done.before):,} were in before"] if done.before else []
    parts += [f"{len(done.still):,} still can't be read: {done.still[0].reason}"] if done.still else []
    parts += [f"{len(done.need_fix):,} need a fix first"] if done.need_fix else []
    return ", ".join(parts)


def _dismissed(count: int) -> str:
    return f"{count:,} dismissed" if count else "dismissed before"


def _named(text: str) -> tuple[bool, int]:
    """Whether it is a conflict, and its number. Raises HttpProblem."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise HttpProblem(400, f"{text[:20]!r} is no number of a dead letter")
    return bool(found[1]), int(found[2])


def _number(text: str) -> int | None:
    """The number that an address names; None where it is none that we give."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
