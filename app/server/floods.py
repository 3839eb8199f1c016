"""What is under way for each write key: a flood by one is told to come again, and the others are served."""

from collections import Counter
from types import TracebackType

from app.server.problems import RETRY_SECONDS, HttpProblem
from streams.placement import UNIT_BYTES_MAX

KEY_BYTES_MAX = UNIT_BYTES_MAX
"""The bytes that one key has under way at most: a quarter of what waits for the writer (`WAITING_BYTES_MAX` in `app.server.appending`)."""

ALL_BYTES_MAX = 8 * UNIT_BYTES_MAX
"""The bytes that all have under way, bodies that are just being read included."""

REQUEST_BYTES = 64 * 1024
"""What a request counts for at least, so that many small ones are a flood, too: one key has 256 of them under way."""

_LATER = {"Retry-After": str(RETRY_SECONDS)}


class Floods:
    """Of each key, how many bytes are under way. None has an entry when nothing is."""

    def __init__(self) -> None:
        self.of_keys: Counter[str] = Counter()
        self.of_all = 0


class RequestsUnderWay:
    """One request, from its beginning to its end."""

    def __init__(self, floods: Floods) -> None:
        self._floods = floods
        self._key: str | None = None
        self._size = 0

    def __enter__(self) -> "RequestsUnderWay":
        self.add(REQUEST_BYTES)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._floods.of_all -= self._size
        if self._key is not None:
            self._count(self._key, -self._size)

    def add(self, size: int) -> None:
        """So many bytes more are held. Raises HttpProblem where that is too much."""
        if self._floods.of_all + size > ALL_BYTES_MAX:
            raise HttpProblem(503, "more is being published than is held; come again", headers=_LATER)
        if self._key is not None:
            self._count(self._key, size)
        self._floods.of_all += size
        self._size += size

    def of(self, key: str) -> None:
        """Whose request it is, as soon as that is known. Raises HttpProblem where too much is under way for that key."""
        if self._key is None:
            self._count(key, self._size)
            self._key = key

    def _count(self, key: str, size: int) -> None:
        of_keys = self._floods.of_keys
        if size > 0 and of_keys[key] + size > KEY_BYTES_MAX:
            raise HttpProblem(429, f"more than {KEY_BYTES_MAX:,} bytes are under way for this key; come again", headers=_LATER)
        of_keys[key] += size
        if not of_keys[key]:
            del of_keys[key]
