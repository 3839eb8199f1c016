"""A PostgreSQL across a network shows who it is before it is told anything. `127.1` is this machine by a name that does not say so."""

import asyncio
import base64
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from journey.errors import Refused
from streams.postgres.database import Database
from tests.app.command import journey, refused
from tests.services.service import Service
from tests.streams.kafka.clients import until

CERTIFICATE_SECONDS_MAX = 20
AFAR = "127.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of its own making, for AFAR only; and its key."""
    made = tmp_path_factory.mktemp("certificate")
    certificate, key = made / "server.crt", made / "server.key"
    names = ["-subj", "/CN=journey", "-addext", f"subjectAltName=DNS:{AFAR}"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7"]
    command = ["openssl", "req", *kind, *names, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True, timeout=CERTIFICATE_SECONDS_MAX)
    return certificate, key


@pytest.fixture
def bare(module_postgres: Service) -> str:
    """The address of a server without TLS."""
    module_postgres.start_again()
    asyncio.run(_speak_tls(module_postgres.address, False))
    return module_postgres.address


@pytest.fixture
def secured(module_postgres: Service, certificate: tuple[Path, Path]) -> str:
    """The address of a server with TLS."""
    module_postgres.start_again()
    asyncio.run(_speak_tls(module_postgres.address, True, *certificate))
    return module_postgres.address


async def _speak_tls(address: str, on: bool, *files: Path) -> None:
    db = await asyncpg.connect(address)
    try:
        for file in files:
            packed = base64.b64encode(file.read_bytes()).decode()
            # In its folder of data, as its own user.
            await db.execute(f"COPY (SELECT '{packed}') TO PROGRAM 'umask 077; base64 -d > {file.name}'")
        await db.execute(f"ALTER SYSTEM SET ssl = {'on' if on else 'off'}")
        await db.execute("SELECT pg_reload_conf()")
    finally:
        await db.close()

    async def heard() -> bool:
        asked = await asyncpg.connect(address)
        try:
            return bool(await asked.fetchval("SELECT current_setting('ssl')::BOOLEAN") is on)
        finally:
            await asked.close()

    await until(heard, "the server to have read its settings")


def at(address: str, host: str, *settings: str) -> str:
    parts = urlsplit(address)
    place = f"{parts.username}:{parts.password}@{host}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place, query="&".join(settings)))


async def is_encrypted(address: str) -> bool:
    database = Database(address)
    try:
        async with database.connection() as db:
            return bool(await db.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    finally:
        await database.close()


async def test_a_server_that_shows_who_it_is_is_spoken_to(secured: str, certificate: tuple[Path, Path]) -> None:
    assert await is_encrypted(at(secured, AFAR, f"sslrootcert={certificate[0]}"))


async def test_one_that_is_not_trusted_is_refused_and_it_is_said_what_to_do(secured: str) -> None:
    with pytest.raises(Refused, match=r"that is not trusted: self-signed certificate; .*sslrootcert=FILE .*sslmode=require"):
        await is_encrypted(at(secured, AFAR))


async def test_one_that_goes_by_another_name_is_refused(secured: str, certificate: tuple[Path, Path]) -> None:
    trusted = f"sslrootcert={certificate[0]}"
    with pytest.raises(Refused, match="a certificate that is not trusted"):
        await is_encrypted(at(secured, "127.0.0.1", "sslmode=verify-full", trusted))
    assert await is_encrypted(at(secured, "127.0.0.1", "sslmode=verify-ca", trusted))


async def test_what_is_stated_holds_instead(secured: str) -> None:
    assert await is_encrypted(at(secured, AFAR, "sslmode=require"))
    assert not await is_encrypted(at(secured, AFAR, "sslmode=disable"))
    assert await is_encrypted(at(secured, "127.0.0.1"))


async def test_one_without_tls_is_refused_and_it_is_said_what_to_do(bare: str) -> None:
    with pytest.raises(Refused, match="speaks no TLS, which verify-full asks for; for a private network say sslmode=disable"):
        await is_encrypted(at(bare, AFAR))
    assert not await is_encrypted(at(bare, AFAR, "sslmode=disable"))
    assert not await is_encrypted(at(bare, "127.0.0.1"))


@pytest.mark.parametrize("variable", ["JOURNEY_POSTGRES", "JOURNEY_MARKETING", "JOURNEY_SALES"])
def test_a_command_says_it_in_one_line_without_the_password(
    bare: str, kafka: Service, topics: str, database: str, variable: str, tmp_path: Path
) -> None:
    env = {"JOURNEY_KAFKA": kafka.address, "JOURNEY_PREFIX": topics, "JOURNEY_POSTGRES": database}
    far = at(bare, AFAR)
    told = refused(journey("digest", cwd=tmp_path, **env | {variable: far}))
    assert "speaks no TLS" in told
    assert variable in told
    assert f":{urlsplit(far).password}@" not in told
