"""A PostgreSQL for tests: an address in the environment, else a container, else the binaries of this machine."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.services import engine, service
from tests.services.processes import NoService, free_ports, run, wait_for_answer
from tests.services.service import Service

ADDRESS = "JOURNEY_TEST_POSTGRES"
IMAGE = "postgres:17.6-alpine@sha256:ef257d85f76e48da1c64832459b59fcaba1a4dac97bf5d7450c77753542eee94"
OWNER = PASSWORD = "journey"
DATABASE = "postgres"
PLACES = "usr/lib/postgresql/*/bin"
"""Where Debian keeps what it does not put on the PATH."""

INIT_SECONDS_MAX = 60.0
START_SECONDS_MAX = 60.0
VERSION_SECONDS_MAX = 10.0
GIVEN_SECONDS_MAX = 30.0

SETTINGS = {
    # Durability is what is tested.
    "fsync": "on",
    "synchronous_commit": "on",
    # In its folder, which goes away with it, also after a `kill -9`.
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
}

COLLATION = ["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
"""Neither Python's order nor SQLite's, as in most databases out there: whoever means bytes must say so."""


def start_postgres(folder: Path) -> Service:
    """The PostgreSQL that the environment names, else one of our own."""
    return service.given(ADDRESS, lambda address: _wait_until_ready(address, within=GIVEN_SECONDS_MAX)) or own_postgres(folder)


def own_postgres(folder: Path) -> Service:
    """A PostgreSQL with its data in `folder`. Raises NoService with every reason where none can be had.

    Run by root, it belongs to another user, who must be let in as far as `folder`.
    """
    return service.first_that_works("PostgreSQL", {"container": _in_container, "this machine's": _on_this_machine}, folder)


def _in_container(folder: Path) -> Service:
    host = engine.engine_host()
    (port,) = free_ports(1)
    # Asked for by the numbers of a machine that is not this one, it would have to show who it is.
    address = f"postgresql://{OWNER}:{PASSWORD}@{host}:{port}/{DATABASE}?sslmode=disable"
    return engine.of_container(
        IMAGE,
        host=host,
        port=port,
        environment={"POSTGRES_USER": OWNER, "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": DATABASE, "PGPORT": str(port)}
        | {"POSTGRES_INITDB_ARGS": " ".join(COLLATION)},
        command=" ".join(["postgres", *_stated(SETTINGS)]),
        address=address,
        ready=lambda running: _wait_until_ready(address, within=START_SECONDS_MAX, running=running),
    )


def _on_this_machine(folder: Path) -> Service:
    programs = programs_folder()
    user = _other_user() if os.geteuid() == 0 else ""
    folder.mkdir(parents=True, exist_ok=True)
    data, log, password = folder / "data", folder / "postgres.log", folder / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    if user:
        shutil.chown(folder, user)
        shutil.chown(password, user)
    stated = [f"--pgdata={data}", f"--username={OWNER}", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", *COLLATION]
    run([programs / "initdb", *stated], folder=folder, log=log, within=INIT_SECONDS_MAX, user=user)
    (port,) = free_ports(1)
    address = f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"
    settings = SETTINGS | {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    return service.of_process(
        address,
        f"{_version(programs)} of {programs}{' as user ' + user if user else ''}",
        [programs / "postgres", "-D", data, *_stated(settings)],
        folder=folder,
        log=log,
        ready=lambda running: _wait_until_ready(address, within=START_SECONDS_MAX, running=running),
        end=signal.SIGINT,
        user=user,
    )


def programs_folder() -> Path:
    """The folder of PostgreSQL's programs; the newest where there are several."""
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    debian = sorted(Path("/").glob(PLACES), key=lambda place: (len(place.parent.name), place.parent.name), reverse=True)
    for place in [*on_path, *debian]:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise NoService(f"there is no `initdb` with `postgres` beside it on the PATH or in /{PLACES}; Debian has them in postgresql")


def _version(programs: Path) -> str:
    told = subprocess.run([programs / "postgres", "--version"], capture_output=True, check=True, text=True, timeout=VERSION_SECONDS_MAX)
    return " ".join(told.stdout.split()[1:3])


def _other_user() -> str:
    """PostgreSQL refuses to run as root."""
    users = {user.pw_name for user in pwd.getpwall()}
    for user in ("postgres", "nobody"):
        if user in users:
            return user
    raise NoService("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it")


def _stated(settings: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in settings.items()]


def _wait_until_ready(address: str, *, within: float, running: Callable[[], bool] = lambda: True) -> None:
    async def ask() -> None:
        connection = await asyncpg.connect(address)
        try:
            await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    try:
        asked = urlsplit(address)
        place = (asked.hostname or "localhost", asked.port or 5432)
    except ValueError as error:
        raise NoService(f"that is no address: {error}") from error
    try:
        wait_for_answer(place, ask, (asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError), within=within, running=running)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NoService(f"it refuses: {error}") from error
