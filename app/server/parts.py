"""The parts of a form that was sent with files (multipart/form-data): one after the other in a file, each found without a copy of it."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import NamedTuple

from app.server.problems import HttpProblem

PARTS_MAX = 8

HEAD_BYTES_MAX = 8_192
"""Of what says which part it is."""


class FormPart(NamedTuple):
    """`file` is the name of the file that it was, where it was one."""

    name: str
    file: str | None
    content: memoryview


@contextmanager
def parts_of(body: Path, content_type: str) -> Iterator[list[FormPart]]:
    """The parts of the form in `body`, which are there until this ends. Raises HttpProblem."""
    said = Message()
    said["content-type"] = content_type
    boundary = said.get_param("boundary")
    if not isinstance(boundary, str) or not boundary.isascii() or not 1 <= len(boundary) <= 70:
        raise HttpProblem(400, "Content-Type says multipart/form-data, and not by which boundary")
    if not body.stat().st_size:
        raise HttpProblem(400, "the form is empty")
    with body.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole, memoryview(whole) as view:
        parts = list(_parts(whole, view, b"--" + boundary.encode()))
        try:
            yield parts
        finally:
            for part in parts:
                part.content.release()


def _parts(whole: mmap.mmap, view: memoryview, delimiter: bytes) -> Iterator[FormPart]:
    # What stands before the first one is nothing.
    at = 0 if whole[: len(delimiter)] == delimiter else whole.find(b"\r\n" + delimiter) + 2
    if at == 1:
        raise HttpProblem(400, "the form does not begin with the boundary that Content-Type says")
    for _ in range(PARTS_MAX):
        begins = at + len(delimiter)
        if whole[begins : begins + 2] == b"--":
            return
        head_ends = whole.find(b"\r\n\r\n", begins, begins + HEAD_BYTES_MAX)
        ends = whole.find(b"\r\n" + delimiter, head_ends + 2)
        if head_ends < 0 or ends < 0:
            raise HttpProblem(400, "the form ends before one of its parts does")
        head = BytesParser().parsebytes(whole[begins + 2 : head_ends + 4], headersonly=True)
        name = head.get_param("name", header="content-disposition")
        yield FormPart(name if isinstance(name, str) else "", head.get_filename(), view[min(head_ends + 4, ends) : ends])
        at = ends + 2
    raise HttpProblem(400, f"a form has at most {PARTS_MAX - 1} parts")
