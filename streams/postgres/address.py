"""An address of PostgreSQL: read strictly, so that only what is certain is ever printed, and with TLS wherever a network lies between.

A `/`, `?`, `#` or `@` of a password that is not encoded moves the borders of all other parts. Readers of addresses differ in where, and a
part of the password comes out as a host or a database: so such an address is refused, and nothing of it is repeated.
"""

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from journey.errors import Refused

PORT = 5432
Mode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
MODES: tuple[str, ...] = get_args(Mode)

FILES = {
    "sslrootcert": ("PGSSLROOTCERT", "root.crt"),
    "sslcert": ("PGSSLCERT", "postgresql.crt"),
    "sslkey": ("PGSSLKEY", "postgresql.key"),
    "sslcrl": ("PGSSLCRL", "root.crl"),
}
"""Of TLS, with the variable that names each, and its name in HOME: as all of PostgreSQL's clients have them."""
HOME = "~/.postgresql"

SYSTEM = "system"
"""As `sslrootcert`: the authorities that this machine trusts."""

NOT_FOLLOWED = ("service", "ssl_min_protocol_version", "ssl_max_protocol_version")
"""What others read in an address and we don't: to pass over it would be to go elsewhere, or to trust more than was said."""

_NAME = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r"\d{1,5}")
_DATABASE = re.compile(r"[^/?#@:]*")
_KEY = re.compile(r"[\w.]+")


class _Unclear(Exception):
    """Why an address can't be read for certain. Holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and how its server is to show who it is."""

    dsn: str = field(repr=False)
    hosts: tuple[str, ...]
    """Names, numbers, folders of sockets. Where there are none: a socket of this machine, or localhost."""
    ports: tuple[int, ...]
    database: str
    variable: str
    """By which people know this address."""
    stated: Mode | None
    """What `sslmode` or PGSSLMODE says."""
    files: Mapping[str, str] = field(repr=False)
    key_password: str = field(repr=False)

    @property
    def place(self) -> str:
        """Where it is, without what is secret."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in zip(self.hosts, self.ports, strict=True))
        return f"PostgreSQL at {hosts or 'its socket'}{'/' if self.database else ''}{self.database}"

    @property
    def mode(self) -> Mode:
        """What is stated holds. Where nothing is, a server that is not on this machine has to show who it is."""
        return self.stated or ("prefer" if all(map(_is_local, self.hosts)) else "verify-full")

    def tls(self) -> ssl.SSLContext | Mode:
        """As asyncpg takes it. Raises Refused where a file that it needs can't be read."""
        if self.mode in ("disable", "allow", "prefer"):
            return self.mode
        for name, file in self.files.items():
            try:
                if file != SYSTEM:
                    Path(file).read_bytes()
            except OSError as error:
                raise Refused(f"the {name} of {self.variable}, {file}, can't be read: {error.strerror}") from None
        try:
            return self._context()
        except (OSError, ValueError):
            raise Refused(f"no certificate or no key can be read from {', '.join(self.files.values())} ({self.variable})") from None

    def _context(self) -> ssl.SSLContext:
        """Not asyncpg's: its own knows no authorities but those of a file, and fails where there is none."""
        authorities = self.files.get("sslrootcert")
        if self.mode == "require" and authorities is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context(cafile=None if authorities == SYSTEM else authorities)
            context.check_hostname = self.mode == "verify-full" or authorities == SYSTEM
        if "sslcert" in self.files:
            context.load_cert_chain(self.files["sslcert"], self.files.get("sslkey"), password=lambda: self.key_password)
        if "sslcrl" in self.files:
            context.load_verify_locations(cafile=self.files["sslcrl"])
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        context.set_alpn_protocols(["postgresql"])
        return context


def read_address(dsn: str, variable: str = "JOURNEY_POSTGRES") -> Address:
    """The address in `dsn`. Raises Refused, without any of it, where it can't be read for certain."""
    try:
        return _read(dsn.strip(), variable)
    except _Unclear as unclear:
        why = str(unclear)
    except ValueError:
        why = "it is no address"
    raise Refused(
        f"{variable} can't be read: {why}. Write postgresql://user:password@host:5432/database, and in the password %2F for /, %3F for ?,"
        " %23 for #, %40 for @ and %25 for %"
    )


def _read(dsn: str, variable: str) -> Address:
    if not dsn.startswith(("postgresql://", "postgres://")):
        raise _Unclear("it does not begin with postgresql://")
    if not dsn.isprintable() or " " in dsn:
        raise _Unclear("it has blanks or control characters")
    if "#" in dsn:
        raise _Unclear("it has a #")
    parts = urlsplit(dsn)
    asked = _asked(parts)
    hosts = _hosts(parts, asked)
    database = parts.path.removeprefix("/")
    if not _DATABASE.fullmatch(database):
        raise _Unclear("what comes after its host is no name of a database")
    mode = asked.get("sslmode") or os.environ.get("PGSSLMODE") or None
    if mode is not None and mode not in MODES:
        raise Refused(f"the sslmode of {variable} is none of {', '.join(MODES)}")
    return Address(
        dsn,
        tuple(host for host, _ in hosts),
        tuple(port for _, port in hosts),
        unquote(database) or asked.get("dbname") or asked.get("database") or "",
        variable,
        cast("Mode | None", mode),
        _files(asked),
        asked.get("sslpassword", ""),
    )


def _asked(parts: SplitResult) -> dict[str, str]:
    """What it says behind the question mark."""
    if "@" in parts.query or "?" in parts.query:
        raise _Unclear("it has an @ or a ? behind its ?")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
    if not all(map(_KEY.fullmatch, asked)):
        raise _Unclear("what comes behind its ? are no settings")
    for name in NOT_FOLLOWED:
        if name in asked:
            raise _Unclear(f"{name} is not followed")
    return asked


def _hosts(parts: SplitResult, asked: Mapping[str, str]) -> list[tuple[str, int]]:
    """With their ports, as PostgreSQL's clients find them: before the path, else behind the question mark, else in the environment."""
    user, _, place = parts.netloc.rpartition("@")
    if "@" in user:
        raise _Unclear("it has two @")
    written = (unquote(place) or asked.get("host") or os.environ.get("PGHOST") or "").split(",")
    if written == [""]:
        return []
    ports = (asked.get("port") or os.environ.get("PGPORT") or str(PORT)).split(",")
    if len(ports) not in (1, len(written)):
        raise _Unclear("it has another number of ports than of hosts")
    return [_host(one, ports[number % len(ports)]) for number, one in enumerate(written)]


def _host(written: str, port: str) -> tuple[str, int]:
    if written.startswith("/"):
        name = written
    else:
        found = _NAME.match(written)
        name, colon, stated = (found[0], *written[found.end() :].partition(":")[1:]) if found else ("", "", "")
        if found is None or written != name + colon + stated:
            raise _Unclear("its host is no name")
        port = stated or port
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65_536:
        raise _Unclear("its port is no number from 1 to 65535")
    return name.strip("[]"), int(port)


def _files(asked: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, (variable, usual) in FILES.items():
        at_home = os.path.join(os.path.expanduser(HOME), usual)
        if file := asked.get(name) or os.environ.get(variable) or (at_home if os.path.exists(at_home) else ""):
            found[name] = file
    return found


def _is_local(host: str) -> bool:
    if host.startswith("/") or host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
