"""Makes keys of the HTTP interface, and opens where they are kept."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from app.engine.access import with_servers
from app.engine.embedded import keys_of, opened
from app.settings import Servers
from app.text.printing import note
from journey.errors import Refused
from streams.keys import Keys
from streams.sqlite.record import FILE

T = TypeVar("T")

BEGINS = "jk_"
"""What every key begins with, so that whoever finds one in a log or in a repository knows what it is."""
KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
ORIGINS_MAX = 100


class Made(NamedTuple):
    """A new key, which is shown once, and what is kept of it."""

    key: str
    sha256: bytes


def make() -> Made:
    """256 bits of the system's own randomness."""
    key = BEGINS + secrets.token_urlsafe(KEY_BYTES)
    return Made(key, hashed(key))


def hashed(key: str) -> bytes:
    """What is kept of a key. SHA-256 is enough: a slow hash makes up for passwords that can be guessed, and 256 random bits can't be,
    however fast one tries. So every request may be checked at no cost worth mention."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def check_name(name: str) -> str:
    """`name`. Raises Refused where no key may be called so."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name for a key: up to 64 letters of A-Z, a-z, 0-9, dots, dashes, underscores and @, a letter first")
    return name


def check_origins(origins: Sequence[str]) -> tuple[str, ...]:
    """`origins` as browsers send them, each once. Raises Refused for what is none."""
    if len(origins) > ORIGINS_MAX:
        raise Refused(f"{len(origins)} origins are more than the {ORIGINS_MAX} that a key has at most")
    return tuple(dict.fromkeys(map(_origin, origins)))


def _origin(text: str) -> str:
    refused = Refused(f"--origin {text!r} is no origin of web pages; write it as https://shop.example, without a path")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refused from None
    host = (parts.hostname or "").lower()
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not is_bare or not HOST.fullmatch(host):
        raise refused
    # As a browser writes it: without the port that its scheme has anyway.
    shown = "" if port is None or port == {"http": 80, "https": 443}[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{shown}"


def with_keys(place: Path | Servers, run: Callable[[Keys], Awaitable[T]], *, begins: bool = False) -> T:
    """What `run` does with the keys of `place`, also while a server works there; where it `begins` data, in a folder that need not be
    there. Raises Refused."""

    async def ran(keys: Keys) -> T:
        return await run(keys)

    if isinstance(place, Servers):
        return asyncio.run(with_servers(place, lambda engine: ran(engine.keys), prepared=False))
    if begins and not (place / FILE).exists():
        with opened(place, note) as engine:
            return asyncio.run(ran(engine.keys))
    with keys_of(place) as keys:
        return asyncio.run(ran(keys))
