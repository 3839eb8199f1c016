"""The command `journey`. Each command refuses in one line what it can't do, and exits 1."""

import gc
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.text.printing import failure, note, refusal
from journey.errors import FAILED_EXIT, Away, NotPlaced, Refused
from journey.readable import readable

DISTRIBUTION = "customer-journey-engine"

COMMANDS = (
    "simulate", "ingest", "imports", "retract", "demo", "worker", "report", "funnel", "figures", "why", "segment", "period", "digest",
    "timeline", "explain", "audit", "rebuild", "reconcile", "definition", "dead-letters", "identity", "maps", "serve", "keys", "backup",
    "restore",
)  # fmt: skip


class ImportedCommands(Mapping[str, Any]):
    """Each command, imported when it is asked for: most of the time that a short one takes is importing, and it needs no other's code."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        command = typer.main.get_command(import_module(f"app.commands.{name.replace('-', '_')}").app)
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    def __init__(self, **more: Any) -> None:
        super().__init__(**more | {"commands": ImportedCommands()})


UsageError: Any = typer.BadParameter.__base__
"""What is no command of ours. Typer uses click, or brings a copy of its own, as its version has it."""

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"journey {version(DISTRIBUTION)}\n")
        raise typer.Exit


@app.callback(help="An event-sourced customer journey engine: touchpoints in, exact marketing and sales read models out.")
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options of the command itself."""


def run(arguments: list[str] | None = None) -> int:
    """Run one command. Returns its exit status; a mistake of the user's is one line, and 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            _check(sys.argv[1:] if arguments is None else arguments)
            return app(arguments, prog_name="journey", standalone_mode=False) or 0
        finally:
            sys.stdout.flush()
    except UsageError as error:
        from typer.rich_utils import rich_format_error

        # It quotes what was typed.
        error.message = readable(_in_our_words(error))
        rich_format_error(error)
        return 2
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Refused as error:
        refusal(*error.args)
    except Away as error:
        refusal(f"{error}; try again")
    except NotPlaced as error:
        failure(error.__cause__ or error)
        refusal(str(error))
        return FAILED_EXIT
    except BrokenPipeError:
        _leave_unwritten()  # Whoever read our output has seen enough.
    except OSError as error:
        refusal(": ".join(str(part) for part in (error.filename, error.strerror) if part is not None))
        _leave_unwritten()
    return 1


def _in_our_words(error: Any) -> str:
    """What is wrong with how a command was written, with the commands that there are where it is none of them."""
    said = str(error.message or "").removeprefix("Value error, ")
    group = getattr(error.ctx, "command", None)
    if said.startswith("No such command") and isinstance(group, TyperGroup):
        said = f"{said.removesuffix('.')}; there are {', '.join(group.list_commands(error.ctx))}"
    return said


def _check(arguments: list[str]) -> None:
    """Raises Refused for a text that no topic and no database could hold. A file may be named like that."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError:
            if not os.path.lexists(one):
                raise Refused(f"{one!r} is not UTF-8; rename it, or write it in UTF-8") from None


def _leave_unwritten() -> None:
    """What is left of our output is not to be written when Python ends: it would fail once more, and say so in many lines."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _warn(message: Warning | str, *where: Any, **more: Any) -> None:
    """What a library warns of, in one line of ours instead of one of its code."""
    note(f"journey: {message}")


def main() -> None:
    warnings.showwarning = _warn
    # Most of what is made lives as long as the process: looking through it again and again doubles the CPU time.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
    gc.enable()
    try:
        sys.exit(run())
    except Exception as error:
        failure(error)
        sys.exit(1)
