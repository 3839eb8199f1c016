"""Addresses of PostgreSQL: what is certain is said, nothing else is repeated, and a server across a network shows who it is."""

import ssl
from pathlib import Path

import pytest

from journey.errors import Refused
from streams.postgres.address import read_address
from streams.postgres.database import Database

HIDDEN = "S3CRET"


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGHOST", "PGPORT", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgresql://u:S3CRET@db.example/journey", "db.example:5432/journey"),
        ("postgres://u:S3CRET@db.example:6000/journey", "db.example:6000/journey"),
        ("postgresql://u:12%2FS3CRET%40%23@db.example/journey", "db.example:5432/journey"),
        ("postgresql://u:p:S3CRET@db.example/journey", "db.example:5432/journey"),
        ("postgresql://db.example/journey?user=u&password=S3CRET&passfile=/S3CRET", "db.example:5432/journey"),
        ("postgresql:///journey?host=db.example&port=6000&password=S3CRET", "db.example:6000/journey"),
        ("postgresql://u:S3CRET@[::1]:6000/journey", "[::1]:6000/journey"),
        ("postgresql://u:S3CRET@one:1,two:2/journey", "one:1,two:2/journey"),
        ("postgresql://u:S3CRET@%2Frun%2Fpostgresql/journey", "/run/postgresql:5432/journey"),
        ("postgresql://u:S3CRET@/journey", "its socket/journey"),
        ("postgresql://u:S3CRET@db.example", "db.example:5432"),
        (" postgresql://u:S3CRET@db.example/journey\n", "db.example:5432/journey"),
    ],
)
def test_where_a_database_is_is_said_without_what_is_secret(dsn: str, place: str) -> None:
    assert Database(dsn).place == f"PostgreSQL at {place}"
    assert HIDDEN not in repr(read_address(dsn))


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:12/S3CRET@db.example/journey",
        "postgresql://u:12/S3CRET@db.example",
        "postgresql://u:12/S3CRET?sslmode=require@db.example",
        "postgresql://u:S3CRET#w@db.example/journey",
        "postgresql://u:S3CRET?w@db.example/journey",
        "postgresql://u:12?S3CRET=w@db.example/journey",
        "postgresql://u:p@S3CRET@db.example/journey",
        "postgresql://u:p@12/S3CRET@db.example/journey",
        "postgresql://u:[S3CRET@db.example/journey",
        "postgresql://u:S3CRET@db.example:S3CRET/journey",
        "postgresql://u:S3CRET@db.example:99999/journey",
        "postgresql://u:S3CRET@db.example/journey?S3CRET",
        "postgresql://u:S3CRET@db.example/journey?sslmode=S3CRET",
        "postgresql://u:S3CRET@db.example/journey?service=S3CRET",
        "postgresql://u:S3CRET@one,two,three/journey?port=1,2",
        "postgresql://u:S3CRET",
        "postgresql://u:S3CRET\x1b[31m@db.example/journey",
        "postgresql://u:S3CRET@db example/journey",
        "host=db.example user=u password=S3CRET",
        "mysql://u:S3CRET@db.example/journey",
        "S3CRET",
        "",
    ],
)
def test_what_is_not_certain_is_refused_and_nothing_of_it_repeated(dsn: str) -> None:
    with pytest.raises(Refused, match="JOURNEY_SALES") as refused:
        read_address(dsn, "JOURNEY_SALES")
    told = repr(refused.value)
    assert not any(part in told for part in (HIDDEN, "db.example", "u:12"))
    assert refused.value.__cause__ is None


LOCAL = ("localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "[::1]", "%2Frun%2Fpostgresql", "", "localhost,127.0.0.1")
AFAR = ("db.example", "10.0.0.7", "[2001:db8::1]", "localhost.example", "127.0.0.1.example", "localhost,db.example", "0.0.0.0", "127.1")


@pytest.mark.parametrize("host", LOCAL)
def test_a_server_of_this_machine_need_not_show_who_it_is(host: str) -> None:
    assert read_address(f"postgresql://u:p@{host}/journey").mode == "prefer"


@pytest.mark.parametrize("host", AFAR)
def test_a_server_across_a_network_has_to(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = read_address(f"postgresql://u:p@{host}/journey").tls()
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert read_address(f"postgresql:///journey?host={host}").mode == "verify-full"
    monkeypatch.setenv("PGHOST", host)
    assert read_address("postgresql:///journey").mode == "verify-full"


def test_what_is_stated_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_address("postgresql://db.example/journey?sslmode=disable").tls() == "disable"
    assert read_address("postgresql://127.0.0.1/journey?sslmode=verify-full").mode == "verify-full"
    context = read_address("postgresql://db.example/journey?sslmode=require").tls()
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_NONE
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert read_address("postgresql://db.example/journey").mode == "disable"
    assert read_address("postgresql://db.example/journey?sslmode=verify-ca").mode == "verify-ca"


@pytest.mark.parametrize("authorities", ["missing.pem", "empty.pem"])
def test_authorities_that_cannot_be_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authorities: str) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(Refused, match="JOURNEY_POSTGRES"):
        read_address(f"postgresql://db.example/journey?sslrootcert={tmp_path / authorities}").tls()
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / authorities))
    with pytest.raises(Refused, match="JOURNEY_POSTGRES"):
        read_address("postgresql://db.example/journey?sslmode=require").tls()
