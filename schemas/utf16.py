"""Files in UTF-16, as spreadsheets and ad networks write them: read piece by piece as if they were UTF-8."""

import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 64 * 1024

_MARKS = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_NO_UTF8 = b"\xff"


def as_utf8(file: BinaryIO) -> tuple[BinaryIO, str]:
    """`file` from its beginning, behind its mark, in UTF-8; and the name of what it is written in."""
    mark = file.read(len(BOM_UTF8))
    if mark == BOM_UTF8:
        return file, "UTF-8"
    encoding = _MARKS.get(mark[:2])
    file.seek(0 if encoding is None else 2)
    if encoding is None:
        return file, "UTF-8"
    return cast(BinaryIO, io.BufferedReader(_Recoded(file, encoding), PIECE_BYTES)), "UTF-16"


class _Recoded(io.RawIOBase):
    """Half a surrogate pair, or half a character at the end, becomes bytes that are no UTF-8 either."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = getincrementaldecoder(encoding)("surrogatepass")
        self._ready = b""
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, into: "WriteableBuffer") -> int:
        view = memoryview(into).cast("B")
        while not self._ready and not self._is_over:
            piece = self._file.read(PIECE_BYTES)
            self._is_over = not piece
            try:
                text = self._decoder.decode(piece, final=self._is_over)
            except UnicodeDecodeError:
                self._ready = _NO_UTF8
            else:
                self._ready = text.encode("utf-8", "surrogatepass")
        given = self._ready[: len(view)]
        self._ready = self._ready[len(given) :]
        view[: len(given)] = given
        return len(given)
