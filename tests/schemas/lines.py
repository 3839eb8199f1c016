"""Lines as the records of a file."""

from collections.abc import Iterator
from io import BytesIO

from schemas.json_records import JsonRecord, records


def of_lines(*lines: bytes) -> Iterator[JsonRecord]:
    return of_file(b"".join(line + b"\n" for line in lines))


def of_file(content: bytes) -> Iterator[JsonRecord]:
    return records(BytesIO(content), "calls.jsonl", "calls.jsonl")
