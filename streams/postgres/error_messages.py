"""What PostgreSQL's errors mean to us, in words for whoever is on call: which server it is, and what is the matter with it."""

import os
import re
import socket

import asyncpg

from journey.errors import Away, Busy, Refused

_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, asyncpg.InsufficientPrivilegeError)
IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""Another writer was: nothing was stored, and the next try may do it."""

_BUSY = "another session has locked what we wait for in {place}"
_GONE = "{place} can't be reached"

_SITUATIONS = {
    "08": _GONE,
    "25006": "{place} is there, and takes no writes: it is a standby, or was set to read only",
    "25P03": "{place} ended our session, which had said nothing in the middle of a transaction for too long",
    "40001": _BUSY,
    "40P01": _BUSY,
    "53": "{place} is there, and has run out of something",
    "53100": "{place} is there, and its disk is full",
    "53200": "{place} is there, and is out of memory",
    "53300": "{place} is there, and has no connection left for us",
    "55P03": _BUSY,
    "57": "{place} ended our session",
    "57014": "{place} is there, and took too long for an answer",
    "57P01": "{place} ended our session, since it is shutting down or somebody told it to",
    "57P02": "{place} ended our session, since another of its processes crashed",
    "57P03": "{place} is there, and takes no connections now",
    "57P04": "{place} ended our session, since the database was dropped",
    "57P05": "{place} ended our session, which had said nothing for too long",
    "58": "{place} is there, and can't read or write its files",
}
"""By SQLSTATE, or by its first two letters, which are the class of it: these pass, with no help of ours."""

_UNREACHED = frozenset({"08", "57", "57P01", "57P02", "57P03"})
"""What a server that is killed, stopped or started anew says on the way: one outage."""


def meaning(error: Exception, place: str, *, is_new: bool) -> Exception:
    """Refused where only a person can mend it, Away where waiting may, else `error`. `is_new`: `place` was never reached so far."""
    if isinstance(error, _REFUSED):
        return Refused(f"{place} refuses us: {told(error)}")
    unnamed = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME and is_new
    if unnamed:
        return Refused(f"{place} can't be reached: {told(error)}")
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        known = next((one for one in (state, state[:2]) if one in _SITUATIONS), None)
        if known is None:
            return error
        situation = _SITUATIONS[known].format(place=place)
        if isinstance(error, IN_THE_WAY):
            return Busy(f"{situation}: {told(error)}", outage=situation)
        return Away(f"{situation}: {told(error)}", outage=place if known in _UNREACHED else situation)
    return lost(error, place) if isinstance(error, OSError | TimeoutError) else error


def lost(error: Exception, place: str) -> Away:
    """What it means that a connection can't be made, or is no more."""
    return Away(f"{_GONE.format(place=place)}: {told(error)}", outage=place)


def told(error: Exception) -> str:
    """What `error` says, on one line: with what the server adds, and without what only a programmer could make sense of."""
    match error:
        case asyncpg.PostgresError():
            more = {"detail": error.detail, "hint": error.hint}
            lines = [str(error.args[0]), *(f"{name}: {text}" for name, text in more.items() if text)]
            return "; ".join(" ".join(line.split()) for line in lines)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | ConnectionResetError() | BrokenPipeError():
            return "the connection was lost"
        case socket.gaierror():
            return f"its name can't be looked up: {error.strerror}"
        case TimeoutError():
            return "it does not answer"
        case OSError():
            # Where it tried several addresses, the text alone says why: the first reason is as good as any.
            found = re.search(r"\[Errno (\d+)\]", str(error))
            number = error.errno or (int(found[1]) if found else 0)
            return os.strerror(number).lower() if number else "the connection was lost"
        case _:
            return str(error)
