"""`POST /import`: a file, taken in or tried out as `journey ingest` does."""

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from app.engine.file_imports import Files, tried_out
from app.engine.json_files import JsonFile, check, json_files
from app.server.access import Actor, Right, needs
from app.server.bodies import pieces
from app.server.parts import parts_of
from app.server.problems import HttpProblem, documented
from app.server.served import Served
from app.text import dry_run as text_of_dry_run
from app.text import ingest as text_of_ingest
from app.text.printing import json_of
from journey.definition import Definition
from journey.errors import Refused
from schemas.json_formats import Format

if TYPE_CHECKING:
    from schemas.csv_map import CsvMap

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Of a file, as it is sent and unpacked; `journey ingest` takes larger ones."""

FILE_SECONDS_MAX = 600.0
"""How long a client has to send it."""

FILES_MAX = 2
"""How many are under way at once."""

_NAME = re.compile(r"[\w][\w. ()-]{0,127}")

_OWN_MAP = "map"
_FORM = "multipart/form-data"
_CONTENT: dict[str, Any] = {
    "application/octet-stream": {"schema": {"type": "string"}},
    _FORM: {
        "schema": {
            "type": "object",
            "properties": {
                "file": {"type": "string", "description": "The file, with its name."},
                "map": {"type": "string", "description": "The file is CSV, and this map of your own (YAML, with its name) reads it."},
            },
            "required": ["file"],
        }
    },
}

router = APIRouter(tags=["import"])


@router.post(
    "/import",
    dependencies=[needs(Right.operate)],
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
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
    """Take in a file of CSV with a map, or of JSON. It is an import, which can be taken back.

    A map of your own comes with the file: each is a part of a form."""
    served: Served = request.app.state.served
    slots: asyncio.Semaphore = request.app.state.imports
    if slots.locked():
        raise HttpProblem(429, f"{FILES_MAX} files are under way; come again", headers={"Retry-After": "5"})
    async with slots:
        with TemporaryDirectory(prefix="journey-import-") as folder:
            sent = Path(folder) / "sent"
            with sent.open("wb") as file:
                async for piece in pieces(request, FILE_BYTES_MAX, FILE_SECONDS_MAX):
                    await asyncio.to_thread(file.write, piece)
            try:
                content_type = request.headers.get("content-type", "")
                asked = await asyncio.to_thread(_asked, sent, content_type, map, zone, name, format)
                if dry_run:
                    told = await asyncio.to_thread(_tried, asked, served.definition)
                else:
                    files, summary = await served.take_in(asked.opened, actor)
                    told = text_of_ingest.told(summary, files.noticed)
            except Refused as refused:
                raise Refused(*(_without_folders(str(line), folder) for line in refused.args)) from refused
    return Response(json_of(told), media_type="application/json")


class _Asked(NamedTuple):
    path: Path
    csv_map: "CsvMap | None"
    format: Format
    read_as: dict[str, str]

    def opened(self) -> Files:
        """Raises Refused where the file does not fit."""
        return Files([self.path], self.csv_map, self.json(), self.read_as)

    def json(self) -> list[JsonFile]:
        check(self.path)
        return json_files([self.path], self.format, named_only=True) if self.csv_map is None else []


def _asked(sent: Path, content_type: str, map: str | None, zone: str | None, name: str | None, format: Format) -> _Asked:
    """The file as it is to be read, and the map. Raises HttpProblem, Refused."""
    folder, own_map = sent.parent, None
    if content_type.partition(";")[0].strip().lower() == _FORM:
        with parts_of(sent, content_type) as parts:
            by_name = {part.name: part for part in parts}
            if len(by_name) < len(parts) or not {"file"} <= by_name.keys() <= {"file", "map"}:
                raise HttpProblem(400, "a form has one part `file`, and one part `map` where a map of your own reads it")
            if "map" in by_name:
                own_map = folder / _OWN_MAP / _checked(by_name["map"].file or "", "the part `map` is sent with the name of its file")
                own_map.parent.mkdir()
                own_map.write_bytes(by_name["map"].content)
            name = by_name["file"].file if name is None else name
            sent = folder / "file"
            sent.write_bytes(by_name["file"].content)
    csv_map = _map(map, own_map, zone, format)
    path = folder / "named" / _file_name(name, csv_map)
    path.parent.mkdir()
    sent.rename(path)
    read_as = {} if csv_map is None else {"map": own_map.name if own_map else str(map), **({} if zone is None else {"zone": zone})}
    return _Asked(path, csv_map, format, read_as)


def _map(name: str | None, own: Path | None, zone: str | None, format: Format) -> "CsvMap | None":
    """The user's own map, or the one of that name among those that ship: a path of the server's is none. Raises Refused, HttpProblem."""
    if name is None and own is None:
        if zone is not None:
            raise HttpProblem(400, "zone goes with map; a time in JSON says its zone")
        return None
    if name is not None and own is not None:
        raise HttpProblem(400, "map names one that ships, and the form has one of your own; give one of them")
    if format is not Format.auto:
        raise HttpProblem(400, "map reads CSV, and format says what a file of JSON holds; give one of them")
    from schemas.shipped_maps import asked_map, shipped_path  # Only those who have a map wait until maps are understood.

    return asked_map(own or shipped_path(str(name)), zone)


def _file_name(name: str | None, csv_map: "CsvMap | None") -> str:
    """The name that was given; else one that the map reads. Raises HttpProblem."""
    if name is None:
        if csv_map is None:
            return "import.json"
        from schemas.shipped_maps import patterns

        known = patterns(csv_map)
        found = next((one.replace("*", "") for one in known if "[" not in one and "?" not in one), None)
        if found is None:
            raise HttpProblem(400, f"give the file's name: this map goes by it, such as {known[0]}")
        return found or "import.csv"
    return _checked(name, "name is the file's name alone")


def _checked(name: str, said: str) -> str:
    """Raises HttpProblem where it is no name of a file."""
    if _NAME.fullmatch(name) is None:
        raise HttpProblem(400, f"{said}, such as contacts.csv: letters, digits, and . _ - ( ) between them")
    return name


def _tried(asked: _Asked, definition: Definition) -> dict[str, Any]:
    return text_of_dry_run.told(tried_out([asked.path], asked.csv_map, asked.json(), definition))


def _without_folders(said: str, folder: str) -> str:
    """Where files of the server lie is nobody's business."""
    from schemas.shipped_maps import FOLDER

    for inner in ("named", _OWN_MAP, "."):
        said = said.replace(f"{Path(folder) / inner}/", "")
    return said.replace(f"{FOLDER}/", "")
