"""`journey identity`: which ids are one person and why, and which the bounds keep apart."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.engine.access import read
from app.engine.ports import Engine
from app.text import suspects as show_suspects
from app.text.arguments import Data, Json
from app.text.printing import as_json, note, pairs, progress, table
from journey.errors import Refused
from journey.identity import HeldBack
from journey.suspects import KINDS
from streams.identities import all_held_back, crowded, identity, taken_from
from streams.suspects import suspects

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Which ids are one person, by which links, and which ids are kept apart."
)


APART_SHOWN_MAX = 3
"""The users that a device is kept from, in a table; `--json` has all of them."""


@app.command("show")
def identity_show(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:… or anon:…", show_default=False)], data: Data = None, json: Json = False
) -> None:
    """The person that an id belongs to, and every link and unlink of its ids, each with its touchpoint."""

    async def run(engine: Engine) -> Any:
        return await identity(await engine.definition(), engine.record, id)

    found = read(data, run)
    if json:
        as_json(asdict(found))
        return
    pairs({"person": found.person, "ids": ", ".join(found.ids), "position": found.position})
    if any(one.apart for one in found.links):
        note("some of these links join it with ids that the definition's bounds keep apart; `journey identity held` lists them")
    if found.links:
        table("Links", {
            "when": [one.at for one in found.links],
            "says": [one.says for one in found.links],
            "one": [one.one for one in found.links],
            "other": [one.other for one in found.links],
            "holds": ["yes, kept apart" if one.apart else "yes" if one.holds else f"no: {one.why}" for one in found.links],
            "source": [one.source for one in found.links],
            "id": [one.id for one in found.links],
        }, last="id")  # fmt: skip


@app.command("held")
def identity_held(data: Data = None, json: Json = False) -> None:
    """Ids that links would join and the definition's bounds keep apart, with how many touches they have; and accounts beyond a bound.

    Reads all histories, which takes a while where there are many."""

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        with progress(None, "reading the links of all histories") as tick:
            found = await all_held_back(definition, engine.record, tick)
            taken = [await taken_from(definition, engine.record, one) for one in found]
            return definition.bounds, await engine.record.position(), found, taken, await crowded(definition, engine.record)

    bounds, position, found, taken, accounts = read(data, run)
    names = ("partners_max", "ids_max", "users_per_device_max", "account_people_max")
    limits = {name: getattr(bounds, name) for name in names}
    if json:
        held = [
            {
                "ids": one.ids, "bound": _bound(one), "partners": one.partners or None, "people": one.people or None,
                "apart": one.apart, "touches": touches, "conversions": conversions,
            }
            for one, (touches, conversions) in zip(found, taken, strict=True)
        ]  # fmt: skip
        large = [{"account": account, "joined": people} for account, people in accounts.items()]
        as_json({"position": position, **limits, "held": held, "accounts": large})
        return
    pairs({"position": position, **limits, "held": len(found), "accounts": len(accounts)})
    if found:
        table("", {
            "bound": [_bound(one) for one in found],
            ">count": [str(one.partners or one.people or len(one.ids)) for one in found],
            ">touches": [f"{touches:,}" for touches, _ in taken],
            ">conversions": [f"{conversions:,}" for _, conversions in taken],
            "kept from": [_some(one.apart) for one in found],
            "which": [", ".join(one.ids) for one in found],
        }, last="which")  # fmt: skip
    if accounts:
        table("Accounts that more people joined than share what they say of themselves", {
            ">joined": [f"{people:,}" for people in accounts.values()],
            "account": list(accounts),
        }, last="account")  # fmt: skip


def _some(ids: tuple[str, ...]) -> str:
    more = len(ids) - APART_SHOWN_MAX
    return ", ".join(ids[:APART_SHOWN_MAX]) + (f" and {more:,} more" if more > 0 else "")


def _bound(one: HeldBack) -> str:
    return "partners_max" if one.partners else "users_per_device_max" if one.people else "ids_max"


@app.command("suspects")
def identity_suspects(
    limit: Annotated[int, typer.Option(min=1, help="How many, the worst first.")] = 20,
    kind: Annotated[str, typer.Option(help=f"Only those of this kind: {', '.join(KINDS)}.", show_default=False)] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Joined ids that look wrong, the worst first, and the line to send for each. Reads all histories, person by person."""
    if kind and kind not in KINDS:
        raise Refused(f"there is no kind {kind!r} of suspects; there are {', '.join(KINDS)}")

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        position = await engine.record.position()
        with progress(None, "reading all histories") as tick:
            return position, await suspects(definition, engine.record, limit, kind, tick)

    position, worst = read(data, run)
    if json:
        as_json(show_suspects.plain(position, worst))
    else:
        show_suspects.suspects(position, worst)
