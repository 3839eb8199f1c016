"""Files, taken in or only tried out: what `journey ingest` and `POST /import` share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.clock import now
from app.engine.imports import begun, stamped
from app.engine.json_files import JsonFile, Watched, named, read_files
from app.engine.ports import Engine
from app.engine.simulation_mark import note_simulated
from app.engine.summary import Summary
from journey.definition import Definition
from schemas.decode import Decoded, decode
from schemas.dry_run import DryRun
from schemas.incoming import Incoming
from schemas.intended import Name
from schemas.json_formats import NAMES
from schemas.noticed import Noticed
from streams.arrivals import refusal
from streams.operators import By

if TYPE_CHECKING:
    from schemas.csv_map import CsvMap


class Files:
    """Files of CSV with a map, or of JSON. Raises Refused where they do not fit, before anything of them is taken in."""

    def __init__(self, paths: Sequence[Path], csv_map: "CsvMap | None", json: list[JsonFile], read_as: dict[str, str]) -> None:
        self.paths, self.csv_map, self.json = paths, csv_map, json
        self.read_as = read_as
        """With which map, for the list of imports."""
        self.noticed = Noticed()
        self._rows: Iterator[Incoming] | None = None if csv_map is None else csv_map.read(paths, self.noticed)

    async def take_in(self, engine: Engine, by: By, watching: Callable[[], AbstractContextManager[Callable[[int], None]]]) -> Summary:
        """Take them in as one import. Returns when both read models have it."""
        await self.begin(engine, by, await self.recognise(engine))
        with watching() as tell:
            summary = await engine.ingest(self.records(tell))
        await self.end(engine, summary)
        return summary

    async def recognise(self, engine: Engine) -> dict[int, set[Name]]:
        """What dead letters of earlier files were meant to be. Only reads the data."""
        if self.csv_map is None:
            return {}
        from app.engine.recognition import recognised  # Only those who have a map wait until maps are understood.

        return await recognised(engine, self.csv_map, self.paths)

    async def begin(self, engine: Engine, by: By, meant: Mapping[int, set[Name]]) -> None:
        """Note that the import begins, and what letters were `meant` to be."""
        for letter, names in meant.items():
            await engine.desk.expect(letter, names)
        read_as = self.read_as or {"format": ", ".join(sorted({file.format for file in self.json}))}
        if self._rows is None:
            self._rows = read_files(self.json, await engine.definition(), self.noticed)
        self._number, self._import_id = await begun(engine, self.paths, read_as, by)

    def records(self, tell: Callable[[int], None]) -> Iterator[Incoming]:
        """What they hold, once the import has begun."""
        assert self._rows is not None, "it has begun"
        self._watched = Watched(self._rows, tell)
        return stamped(self._watched, self._import_id)

    async def end(self, engine: Engine, summary: Summary) -> None:
        """Note that the whole import is in, which came to `summary`."""
        await engine.desk.ended(self._import_id, summary.read)
        summary.number = self._number
        if self._watched.simulated:
            await note_simulated(engine)


def tried_out(paths: Sequence[Path], csv_map: "CsvMap | None", json: Sequence[JsonFile], definition: Definition) -> DryRun:
    """What would come of files."""
    is_no_id, latest = definition.identity.is_no_id, now() + definition.bounds.future

    def taken_in(body: bytes) -> Decoded:
        decoded = decode(body)
        if (reason := refusal(decoded.touch, latest, is_no_id)) is not None:
            raise reason
        return decoded

    if csv_map is None:
        found = DryRun()
        found.add(read_files(json, definition, found.noticed), taken_in)
        found.files = {named(file.path): NAMES.get(file.format, "nothing") for file in json}
        return found
    from schemas.csv_dry_run import dry_run  # as above

    return dry_run(csv_map, paths, taken_in)
