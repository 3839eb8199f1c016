"""A desk for tests: where a person writes a map, and puts the exports that it is for."""

import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest

from journey.errors import Refused
from schemas.csv_map import CsvMap, load_map
from schemas.incoming import Incoming

DEALS = """\
zone: Europe/Berlin
touchpoints:
  - type: deal_updated
    id: "{Deal ID}"
    subject: "deal:{Deal ID}"
    time: Changed
    data:
      deal: "{Deal ID}"
      next_step: "{Next}"
"""


class Desk:
    """Where a person writes a map and puts exports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def map(self, text: str, name: str = "crm.yaml") -> CsvMap:
        path = self.folder / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_map(path)

    def file(self, content: str | bytes, name: str = "crm.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, text: str, *contents: str | bytes) -> list[Incoming]:
        """What the map makes of one file, or of several (crm.csv, crm-1.csv, …)."""
        names = ["crm.csv", *(f"crm-{n}.csv" for n in range(1, len(contents)))]
        return list(self.map(text).read([self.file(one, name) for one, name in zip(contents, names, strict=True)]))

    def refusal(self, text: str, content: str | bytes | None = None) -> str:
        with pytest.raises(Refused) as refused:
            self.map(text).read([self.file(content)] if content is not None else [])
        return str(refused.value).replace(f"{self.folder}/", "")


def body(incoming: Incoming) -> Any:
    assert incoming.body is not None, incoming.reason
    return orjson.loads(incoming.body)
