"""What PostgreSQL says, in words for whoever is on call: what is the matter, on one line, with nothing that only a programmer reads."""

import re
import socket
from typing import Any

import asyncpg
import pytest

from journey.errors import Away, Refused
from streams.postgres.error_messages import meaning

PLACE = "PostgreSQL at db:5432/journey"


def said(kind: type[asyncpg.PostgresError], message: str, **more: str) -> asyncpg.PostgresError:
    error = kind(message)
    for name, text in more.items():
        setattr(error, name, text)
    return error


PASSES = [
    (said(asyncpg.DiskFullError, "could not extend file", hint="Check free disk space."), "is there, and its disk is full"),
    (said(asyncpg.OutOfMemoryError, "out of memory", detail="Failed on request of size 24."), "is there, and is out of memory"),
    (said(asyncpg.TooManyConnectionsError, "sorry, too many clients already"), "is there, and has no connection left for us"),
    (said(asyncpg.ReadOnlySQLTransactionError, "cannot execute UPDATE in a read-only transaction"), "is there, and takes no writes"),
    (said(asyncpg.AdminShutdownError, "terminating connection due to administrator command"), "ended our session, since it is shutting"),
    (said(asyncpg.CrashShutdownError, "terminating connection because of crash"), "ended our session, since another of its processes"),
    (said(asyncpg.CannotConnectNowError, "the database system is starting up"), "is there, and takes no connections now"),
    (said(asyncpg.QueryCanceledError, "canceling statement due to statement timeout"), "is there, and took too long for an answer"),
    (said(asyncpg.LockNotAvailableError, "canceling statement due to lock timeout"), "another session has locked what we wait for in"),
    (said(asyncpg.DeadlockDetectedError, "deadlock detected", detail="Process 1 waits."), "another session has locked what we wait for in"),
    (said(asyncpg.IdleInTransactionSessionTimeoutError, "terminating connection"), "ended our session, which had said nothing"),
    (said(asyncpg.IdleSessionTimeoutError, "terminating connection"), "ended our session, which had said nothing"),
    (said(asyncpg.PostgresIOError, "could not read block 7: Input/output error"), "is there, and can't read or write its files"),
    (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), "can't be reached"),
    (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 5432)"), "can't be reached: connection refused"),
    (
        OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 5432, 0, 0), [Errno 111] Connect call failed"),
        "can't be reached: connection refused",
    ),
    (ConnectionResetError(), "can't be reached: the connection was lost"),
    (TimeoutError(), "can't be reached: it does not answer"),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "can't be reached: its name can't be looked up"),
]


@pytest.mark.parametrize(("error", "says"), PASSES, ids=[type(error).__name__ for error, _ in PASSES])
def test_what_passes_is_waited_for_and_said_as_what_it_is(error: Exception, says: str) -> None:
    away = meaning(error, PLACE, is_new=False)
    assert isinstance(away, Away)
    assert says in str(away)
    assert PLACE in str(away)
    for name in ("detail", "hint"):
        assert (getattr(error, name, None) or "") in str(away)
    assert "\n" not in str(away)
    assert not re.search(r"Error\b|Exception|Errno|<\w+\.\w+|state \d", str(away)), str(away)
    assert ("can't be reached" in str(away)) is (says.startswith("can't be reached")), "it is there"


def test_a_server_that_is_killed_and_comes_back_is_one_outage() -> None:
    on_the_way: list[Any] = [
        said(asyncpg.AdminShutdownError, "terminating connection due to administrator command"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionRefusedError(111, "Connect call failed"),
        said(asyncpg.CannotConnectNowError, "the database system is starting up"),
    ]
    found = [meaning(error, PLACE, is_new=False) for error in on_the_way]
    assert {one.outage for one in found if isinstance(one, Away)} == {PLACE}
    full = meaning(said(asyncpg.DiskFullError, "no space left on device"), PLACE, is_new=False)
    assert isinstance(full, Away)
    assert full.outage != PLACE


@pytest.mark.parametrize(
    "error",
    [
        said(asyncpg.InvalidPasswordError, 'password authentication failed for user "journey"'),
        said(asyncpg.InvalidCatalogNameError, 'database "journey" does not exist'),
        said(asyncpg.InsufficientPrivilegeError, "permission denied", hint="Ask\nthe owner."),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    ],
)
def test_what_only_a_person_can_mend_is_refused(error: Exception) -> None:
    refused = meaning(error, PLACE, is_new=True)
    assert isinstance(refused, Refused)
    assert "\n" not in str(refused)


def test_what_is_a_bug_of_ours_stays_what_it_is() -> None:
    bug = said(asyncpg.UndefinedColumnError, "column does not exist")
    assert meaning(bug, PLACE, is_new=False) is bug
