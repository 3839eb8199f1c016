"""Hints name the data folder that the command was given, so that they can be typed as they stand."""

import re
import shlex
from contextvars import ContextVar
from pathlib import Path

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)

_HINT = re.compile(
    r"`(journey (?:ingest|report|digest|timeline|explain|audit|rebuild|reconcile|definition|dead-letters|identity|imports|retract)\b[^`]*)`"
)
"""A command in a text that takes --data."""


def given(folder: Path | None) -> Path | None:
    """Note what `--data` says; None where it says nothing."""
    _FOLDER.set(folder)
    return folder


def typed(text: str) -> str:
    """`text`, each command in it as it is to be typed: with the folder that this command was given."""
    folder = _FOLDER.get()
    if folder is None:
        return text
    option = f" --data {shlex.quote(str(folder))}"
    return _HINT.sub(lambda found: found[0] if "--data" in found[1] else f"`{found[1]}{option}`", text)
