"""A server that tests use: its address, where it came from, and how to stop, kill and start it."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.services.processes import Kept, NoService, keep, tail

STOP_SECONDS_MAX = 20.0


@dataclass(frozen=True)
class Service:
    """`stop` is orderly and `kill` is `kill -9`; both return when it is gone, and keep the data.

    `start_again` returns when it answers, at the same address; running already, it is left as it is. All three block: an async test calls
    them by `asyncio.to_thread`.
    """

    address: str
    how: str
    stop: Callable[[], None]
    kill: Callable[[], None]
    start_again: Callable[[], None]


def given(variable: str, wait: Callable[[str], None]) -> Service | None:
    """The service that `variable` names in the environment, if it does. Raises NoService where it does not answer."""
    address = os.environ.get(variable)
    if not address:
        return None
    try:
        wait(address)
    except NoService as reason:
        raise NoService(f"{variable} is {address!r}: {reason}") from reason
    return not_ours(address, variable, f"it is the one of {variable}")


def first_that_works(name: str, ways: dict[str, Callable[[Path], Service]], folder: Path) -> Service:
    """The service by the first of `ways` that works here, and why the ones before did not. Raises NoService with the reason of each."""
    reasons: dict[str, NoService] = {}
    for way, start in ways.items():
        try:
            service = start(folder)
        except NoService as reason:
            reasons[way] = reason
        else:
            passed_over = [f"; no {way}: {str(reason).splitlines()[0]}" for way, reason in reasons.items()]
            return replace(service, how=service.how + "".join(passed_over))
    raise NoService("\n".join([f"no {name} can be had here:", *(f"- {way}: {reason}" for way, reason in reasons.items())]))


def not_ours(address: str, how: str, why: str) -> Service:
    """A service that others use too: stopping it does nothing, killing it is refused."""

    def refuse() -> None:
        raise NoService(f"{address} can't be killed or started: {why}")

    return Service(address, how, stop=lambda: None, kill=refuse, start_again=refuse)


def of_process(
    address: str,
    how: str,
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    ready: Callable[[Callable[[], bool]], None],
    end: signal.Signals,
    user: str = "",
) -> Service:
    """A server of our own processes. `ready` waits for it, and is told how to know that it still runs; `end` ends it in good order."""

    def start() -> Kept:
        kept = keep(command, folder=folder, log=log, user=user)
        try:
            ready(lambda: kept.running)
        except BaseException as error:
            kept.kill()
            if isinstance(error, NoService):
                raise NoService(f"{error}\n{tail(log)}") from error
            raise
        return kept

    kept = start()

    def start_again() -> None:
        nonlocal kept
        if not kept.running:
            kept.kill()
            kept = start()

    return Service(address, how, stop=lambda: kept.end(end, within=STOP_SECONDS_MAX), kill=lambda: kept.kill(), start_again=start_again)
