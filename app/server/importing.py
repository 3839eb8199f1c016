"""`POST /import`: a file, taken in or tried out as `journey ingest` does."""

import asyncio
import re
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.engine.clock import now
from app.engine.file_imports import Files, tried_out
from app.engine.json_files import JsonFile, check, json_files
from app.engine.ports import Engine, no_progress
from app.engine.summary import Summary
from app.server.access import Actor, Right, needs
from app.server.bodies import pieces
from app.server.problems import Problem, documented
from app.server.served import Served
from app.text import dry_run as text_of_dry_run
from app.text import ingest as text_of_ingest
from app.text.printing import json_of
from journey.definition import Definition
from journey.errors import Refused
from schemas.json_formats import Format
from streams.operators import By

if TYPE_CHECKING:
    from schemas.csv_map import CsvMap

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Of a file, as it is sent and unpacked; `journey ingest` takes larger ones."""

FILE_SECONDS_MAX = 600.0
"""How long a client has to send it."""

FILES_MAX = 2
"""How many are under way at once."""

_NAME = re.compile(r"[\w][\w. ()-]{0,127}")

router = APIRouter(tags=["import"])


@router.post(
    "/import",
    dependencies=[needs(Right.operate)],
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
    responses={
        **documented(400, "The file can't be read so."),
        **documented(408, "The file took too long."),
        **documented(413, "The file is too large."),
        **documented(415, "The file is packed by something that is not read."),
        **documented(429, "Other files are under way; come again."),
        **documented(503, "The log is away; come again."),
    },
)
async def import_file(
    request: Request,
    actor: Actor,
    map: Annotated[str | None, Query(description="The file is CSV, and this map that ships says what its columns mean.")] = None,
    zone: Annotated[str | None, Query(description="With a map: whose clock the times are on, such as America/New_York.")] = None,
    name: Annotated[str | None, Query(description="The file's name, by which maps and dead letters go.")] = None,
    format: Annotated[Format, Query(description="What a file of JSON holds.")] = Format.auto,
    dry_run: Annotated[bool, Query(description="Only say what would come of it.")] = False,
) -> Response:
    """Take in a file of CSV with a map, or of JSON. It is an import, which can be taken back."""
    served: Served = request.app.state.served
    slots: asyncio.Semaphore = request.app.state.imports
    if slots.locked():
        raise Problem(429, f"{FILES_MAX} files are under way; come again", headers={"Retry-After": "5"})
    async with slots:
        with TemporaryDirectory(prefix="journey-import-") as folder:
            csv_map = await asyncio.to_thread(_map, map, zone, format)
            path = Path(folder) / _file_name(name, csv_map)
            with path.open("wb") as file:
                async for piece in pieces(request, FILE_BYTES_MAX, FILE_SECONDS_MAX):
                    await asyncio.to_thread(file.write, piece)
            try:
                if dry_run:
                    told = await asyncio.to_thread(_tried, path, csv_map, format, served.definition)
                else:
                    read_as = {} if map is None else {"map": map, **({} if zone is None else {"zone": zone})}
                    told = await served.change_at_length(_taking_in(path, csv_map, format, read_as, actor))
            except Refused as refused:
                raise Refused(_without_folders(str(refused), folder)) from refused
    return Response(json_of(told), media_type="application/json")


def _map(name: str | None, zone: str | None, format: Format) -> "CsvMap | None":
    """The map of that name among those that ship: a path of the server's is none. Raises Refused."""
    if name is None:
        if zone is not None:
            raise Problem(400, "zone goes with map; a time in JSON says its zone")
        return None
    if format is not Format.auto:
        raise Problem(400, "map reads CSV, and format says what a file of JSON holds; give one of them")
    from schemas.shipped_maps import asked_map, shipped_path  # Only those who have a map wait until maps are understood.

    return asked_map(shipped_path(name), zone)


def _file_name(name: str | None, csv_map: "CsvMap | None") -> str:
    """The name that was given; else one that the map reads. Raises Problem."""
    if name is None:
        if csv_map is None:
            return "import.json"
        from schemas.shipped_maps import patterns

        known = patterns(csv_map)
        found = next((one.replace("*", "") for one in known if "[" not in one and "?" not in one), None)
        if found is None:
            raise Problem(400, f"give the file's name: this map goes by it, such as {known[0]}")
        return found or "import.csv"
    if _NAME.fullmatch(name) is None:
        raise Problem(400, "name is the file's name alone, such as contacts.csv: letters, digits, and . _ - ( ) between them")
    return name


def _files(path: Path, csv_map: "CsvMap | None", format: Format) -> list[JsonFile]:
    check(path)
    return json_files([path], format, named_only=True) if csv_map is None else []


def _tried(path: Path, csv_map: "CsvMap | None", format: Format, definition: Definition) -> dict[str, Any]:
    return text_of_dry_run.told(tried_out([path], csv_map, _files(path, csv_map, format), definition))


def _taking_in(path: Path, csv_map: "CsvMap | None", format: Format, read_as: dict[str, str], actor: str) -> Any:
    async def run(engine: Engine) -> dict[str, Any]:
        files = Files([path], csv_map, _files(path, csv_map, format), read_as)
        summary: Summary = await files.take_in(engine, By(now(), actor, ""), lambda: nullcontext(no_progress))
        return text_of_ingest.told(summary, files.noticed)

    return run


def _without_folders(said: str, folder: str) -> str:
    """Where files of the server lie is nobody's business."""
    from schemas.shipped_maps import FOLDER

    return said.replace(f"{folder}/", "").replace(f"{FOLDER}/", "")
