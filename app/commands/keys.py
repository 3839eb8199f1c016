"""`journey keys`: who may do what over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app.engine.access import user
from app.engine.api_keys import check_name, check_origins, make, with_keys
from app.engine.clock import now
from app.server.roles import Role
from app.settings import where
from app.text.arguments import Actor, Data, Json, Reason, Why, why
from app.text.printing import as_json, note, put, table
from journey.errors import Refused
from journey.instants import Instant, iso
from streams.keys import ApiKey, Keys
from streams.operators import By

app = typer.Typer(add_completion=False, help="Keys of the HTTP interface: who may do what. Lists them, where nothing else is asked.")

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="What `journey audit` calls who uses it.")]


@app.callback(invoke_without_command=True)
def keys(context: typer.Context, data: Data = None, json: Json = False) -> None:
    """Keys of the HTTP interface: who may do what. Lists them, where nothing else is asked."""
    if context.invoked_subcommand is None:
        _list(data, json)
    elif data or json:
        raise Refused(f"options go last: journey keys {context.invoked_subcommand} … --data DIR")


def _list(data: Data, json: bool) -> None:
    async def run(kept: Keys) -> Sequence[ApiKey]:
        return await kept.all()

    found = with_keys(where(data), run)
    if json:
        as_json({"keys": [_key(one) for one in found]})
        return
    if not found:
        put("there are no keys; `journey keys add NAME --role ROLE` makes one")
        return
    table("", {
        "name": [one.name for one in found],
        "role": [one.role for one in found],
        "made (UTC)": [_time(one.made_at) for one in found],
        "by": [one.made_by for one in found],
        "last used": [_time(one.used_at) for one in found],
        "revoked": [_time(one.revoked_at) for one in found],
        "origins": [", ".join(one.origins) for one in found],
    }, last="origins")  # fmt: skip


@app.command("add")
def keys_add(
    name: Name,
    role: Annotated[str, typer.Option(help=f"What it is for: {', '.join(Role)}.", show_default=False, metavar="ROLE")],
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="The only web pages that may use it from a browser, as https://shop.example; of several, write each.",
            show_default=False,
        ),
    ] = None,
    reason: Reason = "",
    actor: Actor = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a key, and print it: only this once, since nothing is kept but a hash of it. A server that runs takes it at once."""
    if role not in tuple(Role):
        raise Refused(f"there is no role {role!r}; there are {', '.join(Role)}")
    check_name(name)
    origins, by = check_origins(origin or ()), By(now(), actor or user(), reason)
    made = make()

    async def run(kept: Keys) -> None:
        await kept.add(name, role, made.sha256, origins, by)

    with_keys(where(data), run, begins=True)
    if json:
        as_json({"name": name, "role": role, "origins": origins, "key": made.key})
        return
    note(f"the key of {name}, for {role}; it is shown only now:")
    put(made.key)


@app.command("revoke")
def keys_revoke(name: Name, reason: Why = "", actor: Actor = None, data: Data = None) -> None:
    """Revoke a key. A server that runs refuses it within a second."""
    by = By(now(), actor or user(), why(reason))

    async def run(kept: Keys) -> bool:
        return await kept.revoke(name, by)

    was_there = with_keys(where(data), run)
    note(f"{name} is revoked" if was_there else f"{name} was revoked already; nothing was changed")


def _key(one: ApiKey) -> dict[str, Any]:
    said = {name: value for name, value in one._asdict().items() if name != "sha256"}
    return {**said, **{name: value and iso(value) for name, value in said.items() if name.endswith("_at")}}


def _time(at: Instant | None) -> str:
    return "" if at is None else iso(at)[:16].replace("T", " ")
