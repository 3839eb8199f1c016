"""The write key of a request, where its headers have it: as the user's name (Segment, RudderStack), or as a bearer's token."""

import base64
import binascii

from fastapi import Request


def key_of_header(request: Request) -> str | None:
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return said.strip() or None
        case "basic":
            try:
                user = base64.b64decode(said, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return None
            return user or None
    return None
