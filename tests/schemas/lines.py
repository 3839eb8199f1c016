"""Lines as the records of a file."""

from collections.abc import Iterator
from io import BytesIO

from schemas.json_records import Record, records


def of_lines(*lines: bytes) -> Iterator[Record]:
    return of_file(b"".join(line + b"\n" for line in lines))


def of_file(content: bytes) -> Iterator[Record]:
    return records(BytesIO(content), "calls.jsonl", "calls.jsonl")
