"""One hash over everything that a record has accepted, whatever the order it came in and whichever database holds it."""

import hashlib
from collections.abc import Iterable

from journey.instants import Instant
from schemas.intended import Name


class RecordDigest:
    """Of each body, in order of its own digest, the earliest time that it was sent with; then the names that retractions void.

    Which of several bodies counts, which links hold and what everybody's journey is, all follow from these.
    """

    def __init__(self) -> None:
        self._hashed = hashlib.sha256()

    def add(self, bodies: Iterable[tuple[bytes, Instant]]) -> None:
        """The next `bodies`: digest and time. Each digest comes once, in order of bytes."""
        for digest, at in bodies:
            self._hashed.update(digest + at.to_bytes(8, "big", signed=True))

    def ended(self, voids: Iterable[Name]) -> str:
        """The hash, as 64 hexadecimal digits."""
        self._hashed.update(b"voids")
        for name in sorted("\0".join(name).encode() for name in voids):
            self._hashed.update(len(name).to_bytes(4, "big") + name)
        return self._hashed.hexdigest()
