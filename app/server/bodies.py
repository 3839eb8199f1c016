"""The body of a request: read within bounds of bytes and of time, and unpacked. What it is packed by, only Content-Encoding says."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from app.server.problems import HttpProblem

M = TypeVar("M", bound=BaseModel)

BODY_BYTES_MAX = 8 * 1024 * 1024
"""Of a body, as it is sent and unpacked. The clients that we know send 5 megabytes at most."""

BODY_SECONDS_MAX = 30.0
"""How long a client has to send a body."""

_GZIP = 16 + zlib.MAX_WBITS
_PACKED_BY = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_PLAIN = ("", "identity")

# What is left of the body is not read: the connection can't be used again.
_CLOSE = {"Connection": "close"}


async def body_of(request: Request, tell: Callable[[int], None]) -> bytes:
    """The body of `request`, unpacked. `tell` is told of its bytes as they come. Raises HttpProblem."""
    body = bytearray()
    async for piece in pieces(request, BODY_BYTES_MAX, BODY_SECONDS_MAX):
        tell(len(piece))
        body += piece
    return bytes(body)


async def read_as(request: Request, kind: type[M]) -> M:
    """The JSON of a body as `kind`. Read once it is known who asks. Raises HttpProblem, RequestValidationError."""
    body = await body_of(request, lambda _: None)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]) from None


def body_as(kind: type[BaseModel]) -> dict[str, Any]:
    """For OpenAPI: that a route takes `kind` as JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


async def pieces(request: Request, bytes_max: int, seconds_max: float) -> AsyncIterator[bytes]:
    """The body of `request` as it comes, unpacked. Raises HttpProblem."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PACKED_BY and encoding not in _PLAIN:
        raise HttpProblem(415, f"a body that is packed by {encoding!r} is not read; send it as it is, or packed by gzip", headers=_CLOSE)
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        # What one reads as a body, another before us may take for the next request (RFC 9112, 6.3).
        raise HttpProblem(400, "how long the body is is said twice, by Transfer-Encoding and by Content-Length", headers=_CLOSE)
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > bytes_max:
        raise _too_large(bytes_max)
    unpacking = _Unpacking(_PACKED_BY[encoding], bytes_max) if encoding in _PACKED_BY else None
    stream, sent = request.stream(), 0
    ends_at = asyncio.get_running_loop().time() + seconds_max
    try:
        while True:
            async with asyncio.timeout_at(ends_at):
                piece = await anext(stream, None)
            if piece is None:
                break
            sent += len(piece)
            if sent > bytes_max:
                raise _too_large(bytes_max)
            yield piece if unpacking is None else unpacking.of(piece)
    except TimeoutError:
        raise HttpProblem(408, f"the body took longer than {seconds_max:g} seconds; send less at once", headers=_CLOSE) from None
    except ClientDisconnect:
        raise HttpProblem(400, "the connection ended before the body did") from None
    if unpacking is not None:
        unpacking.end()


class _Unpacking:
    """Unpacks piece by piece: what a bomb would unpack to beyond the bound is never made."""

    def __init__(self, packed_by: int, bytes_max: int) -> None:
        self._left = self._bytes_max = bytes_max
        self._stream = zlib.decompressobj(packed_by)

    def of(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        try:
            part = self._stream.decompress(piece, self._left + 1)
        except zlib.error as error:
            raise HttpProblem(400, "the body is not what its Content-Encoding says", headers=_CLOSE) from error
        self._left -= len(part)
        if self._left < 0:
            raise _too_large(self._bytes_max)
        if self._stream.unused_data:
            raise HttpProblem(400, "something stands after the end of the packed body", headers=_CLOSE)
        return part

    def end(self) -> None:
        """Raises HttpProblem where the body ended before what is packed in it did."""
        if not self._stream.eof:
            raise HttpProblem(400, "the packed body ends before its end")


def _too_large(bytes_max: int) -> HttpProblem:
    return HttpProblem(413, f"a body has at most {bytes_max:,} bytes, as it is sent and unpacked; send it in several", headers=_CLOSE)
