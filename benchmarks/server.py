"""`journey serve` by HTTP: what it takes in, beside a bare FastAPI handler that only appends; and how long its pages and its API take.

    python -m benchmarks.server                     # over 27,000 simulated customers
    python -m benchmarks.server --copies 10         # over ten times as many; nothing is published then

Both servers get the same bodies from the same client, in turns. An answer of either means that what was sent is on the disk.
What is read is the data of `benchmarks.figures`, by one client that waits for each answer.
"""

import asyncio
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.engine.embedded import reading
from benchmarks import figures
from benchmarks.embedded import EMBEDDED_ONLY
from benchmarks.load import World, lines
from benchmarks.measuring import ROOT, SAID_CHARS_MAX, Failed, bench_folder, machine
from projections.figures.sections import SECTIONS
from streams.sqlite.record import FILE, PARTITION

CONNECTIONS = 8
ROUNDS = 3
PUBLISHED = {1: 1_000, 100: 60}
"""How many requests a round has, by how many events each has."""
CUSTOMERS = 1_200
"""They leave as many touchpoints as are published."""
QUICK_CUSTOMERS, QUICKLY_PUBLISHED = 60, {1: 16, 100: 2}
OURS, BARE = "journey serve", "bare FastAPI"
BARE_TYPE = "application/octet-stream"
ONE_TYPE, BATCH_TYPE = "application/cloudevents+json", "application/cloudevents-batch+json"

ASKED_SECONDS = 1.0
"""Each question is asked for about so long: what it takes is counted by the hundredth of a second."""
ASKED_MIN, ASKED_MAX = 3, 100
LONG_SECONDS = 20.0
"""What takes longer is asked once."""
SLOWEST = 15
START_SECONDS_MAX = 60.0
PLACED_SECONDS_MAX = 600.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Round:
    """What a server did with the requests of one round."""

    server: str
    events: int
    """Of each request."""
    requests: int
    seconds: float
    """Until the last was answered."""
    level_seconds: float
    """Until both read models had all of it. The bare handler has none."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Of the server's process, for each event; reading, placing and both read models included."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Read:
    """How long the answers to one question took, and what the server's process took of CPU for each."""

    kind: str
    path: str
    times: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    kilobytes: float


# --- servers


@contextmanager
def started(command: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that runs until the block ends. It says where in `log`."""
    with open(log, "wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **EMBEDDED_ONLY}, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def said(process: "subprocess.Popen[bytes]", log: Path, pattern: str) -> str:
    """What the server says of itself, as soon as it does."""
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(pattern, log.read_text()):
            return found[1]
        time.sleep(POLL_SECONDS)
    raise Failed(f"the server does not say {pattern}:\n{log.read_text()[-SAID_CHARS_MAX:]}")


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers, at a port of this machine."""

    pid: int
    port: int
    key: str

    def cpu_seconds(self) -> float:
        stat = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
        return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(data: Path) -> Iterator[Server]:
    log = bench_folder("server") / f"serve-{os.getpid()}.log"
    with started([sys.executable, "-m", "app", "serve", "--data", str(data), "--port", "0"], log) as process:
        port = int(said(process, log, r"serving at \S+:(\d+)\n"))
        # Of an operator, who may do anything; a copy of somebody's data may have keys of its own, for which there is none.
        yield Server(process.pid, port, said(process, log, r"(jk_\S+)\n"))
    log.unlink()


@contextmanager
def bare(file: Path) -> Iterator[Server]:
    log = bench_folder("server") / f"bare-{os.getpid()}.log"
    with started([sys.executable, "-m", "benchmarks.server", "--bare", str(file)], log) as process:
        yield Server(process.pid, int(said(process, log, r"running on \S+:(\d+) ")), "")
    log.unlink()


def serve_bare(file: Path) -> None:
    """One handler: the body to the end of `file`, synced."""
    import uvicorn
    from fastapi import FastAPI, Request

    app = FastAPI()
    log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @app.post("/events")
    async def append(request: Request) -> dict[str, bool]:
        os.write(log, await request.body())
        os.fsync(log)
        return {"success": True}

    uvicorn.run(app, port=0, access_log=False)


# --- a client


@dataclass(slots=True)
class Connection:
    """HTTP/1.1 as plain as can be: what a client takes of the machine, the servers lack."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
        if length is None:
            raise Failed(f"an answer without a length: {head.decode()}")
        return status, await self.reader.readexactly(int(length[1]))

    def close(self) -> None:
        self.writer.close()


def request(method: str, path: str, key: str, type: str = "", body: bytes = b"") -> bytes:
    of_body = f"Content-Type: {type}\r\nContent-Length: {len(body)}\r\n" if type else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n{of_body}\r\n".encode() + body


def percentile(times: Sequence[float], percent: int) -> float:
    """The least time within which so many of a hundred were answered."""
    return sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


# --- publishing


def bodies(touchpoints: Iterator[bytes], events: int, count: int) -> list[bytes]:
    """So many bodies of so many events each."""
    made = []
    for _ in range(count):
        some = list(itertools.islice(touchpoints, events))
        if len(some) < events:
            raise Failed("there are too few touchpoints; more customers leave more")
        made.append(some[0] if events == 1 else b"[" + b",".join(some) + b"]")
    return made


async def posted(server: Server, some: Sequence[bytes], type: str) -> list[float]:
    """How long each took to be answered, by all connections at once."""
    rest, times = iter(some), []

    async def send() -> None:
        connection = await Connection.open(server.port)
        for body in rest:
            began = time.perf_counter()
            status, told = await connection.ask(request("POST", "/events", server.key, type, body))
            times.append(time.perf_counter() - began)
            if status != 200 or not orjson.loads(told)["success"]:
                raise Failed(f"what was published was answered {status}: {told.decode()}")
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(send())
    return times


async def round_of(name: str, server: Server, some: Sequence[bytes], events: int, data: Path | None) -> Round:
    """Publish, and wait until the read models in `data` have it."""
    used, began = server.cpu_seconds(), time.perf_counter()
    times = await posted(server, some, ONE_TYPE if events == 1 else BATCH_TYPE)
    seconds = time.perf_counter() - began
    until = began + PLACED_SECONDS_MAX
    while data is not None and not await is_level(data):
        if time.perf_counter() > until:
            raise Failed(f"not all was placed within {PLACED_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    level_seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - used
    p50, p99 = (1e3 * percentile(times, percent) for percent in (50, 99))
    return Round(name, events, len(some), seconds, level_seconds, p50, p99, 1e6 * cpu / len(some) / events)


async def is_level(data: Path) -> bool:
    """Whether all that the log has is in both read models."""
    with reading(data) as engine:
        after = (await engine.record.offsets()).get(PARTITION, -1)
        if await engine.record.read(PARTITION, after=after, limit=1):
            return False
        return min(await engine.marketing.position(), await engine.sales.position()) == await engine.record.position()


async def published(world: World, requests: Mapping[int, int], rounds: int, say: Callable[[str], None]) -> list[Round]:
    """Both servers in turns, each with data of its own that is empty at first."""
    touchpoints, found = lines(world.file()), []
    folder = bench_folder("server", f"data-{os.getpid()}")
    data = folder / "ours"
    try:
        with ours(data) as own, bare(folder / "bare.log") as other:
            for _ in range(rounds):
                for events, count in requests.items():
                    some = bodies(touchpoints, events, count)
                    for name, server, derived in ((OURS, own, data), (BARE, other, None)):
                        found.append(await round_of(name, server, some, events, derived))
                        say(f"{name}: {events} a request, {found[-1].per_second:.0f} a second")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def published_shown(found: Sequence[Round]) -> Table:
    """A row for each server and size of request: medians of all rounds, and the ratio within a round."""
    table = Table(title=f"Published over {CONNECTIONS} connections")
    table.add_column("")
    for name in (
        "events a request",
        "requests/s",
        "events/s",
        "in read models/s",
        "p50 ms",
        "p99 ms",
        "CPU µs an event",
        "x bare, requests/s",
        "x bare, CPU",
    ):
        table.add_column(name, justify="right")
    for events in dict.fromkeys(one.events for one in found):
        of = {name: [one for one in found if (one.server, one.events) == (name, events)] for name in (OURS, BARE)}
        for name, rounds in of.items():
            pairs = list(zip(rounds, of[BARE], strict=True))
            table.add_row(
                name,
                str(events),
                _spread([one.per_second for one in rounds]),
                f"{statistics.median(one.per_second * events for one in rounds):,.0f}",
                f"{statistics.median(one.requests * events / one.level_seconds for one in rounds):,.0f}" if name == OURS else "",
                _spread([one.p50_ms for one in rounds], 1),
                _spread([one.p99_ms for one in rounds], 1),
                _spread([one.cpu_us for one in rounds]),
                _spread([one.per_second / beside.per_second for one, beside in pairs], 3),
                _spread([one.cpu_us / beside.cpu_us for one, beside in pairs if beside.cpu_us], 1),
            )
    return table


def _spread(numbers: Sequence[float], digits: int = 0) -> str:
    """The median, the least and the most."""
    if not numbers:
        return ""
    return f"{statistics.median(numbers):,.{digits}f} ({min(numbers):,.{digits}f}–{max(numbers):,.{digits}f})"


# --- reading


def questions(person: str, deal: str, until: str) -> Iterator[tuple[str, str]]:
    """A kind and a path: each report and section, the first figure of each section and what is behind it, lists, a person and a deal."""
    as_of = f"until={until}"
    for model in dict.fromkeys(section.model for section in SECTIONS):
        yield "page", f"/{model}?{as_of}"
        yield "API", f"/api/v1/{model}?{as_of}"
    for section in SECTIONS:
        yield "API", f"/api/v1/{section.model}/{section.name}?{as_of}"
        figure = section.figures[0]
        yield "page", f"/{section.model}/figures/{figure.name}?{as_of}"
        yield "page", f"/{section.model}/figures/{figure.name}/why?{as_of}"
        yield "API", f"/api/v1/{section.model}/figures/{figure.name}?{as_of}"
        if figure.dated is not None:
            yield "API", f"/api/v1/{section.model}/figures/{figure.name}?by=month&{as_of}"
        yield "API", f"/api/v1/{section.model}/figures/{figure.name}/why?{as_of}"
    yield "page", f"/subjects/{quote(person)}?{as_of}"
    yield "page", f"/deals/{quote(deal)}?{as_of}"
    for what in ("", "/timeline", "/explain"):
        yield "API", f"/api/v1/people/{quote(person)}{what}?{as_of}"
    yield "API", f"/api/v1/deals/{quote(deal)}?{as_of}"
    for path in ("people", f"people?search={quote(person[:-1])}", "deals", "leads", "transitions", "figures"):
        yield "API", f"/api/v1/{path}"
    # Without what a page comes back for: it would be worked out beside all that is asked next.
    for path in (
        "deals",
        "leads",
        "subjects",
        "periods",
        "status",
        "dead-letters",
        "identity",
        "names",
        "imports",
        "definition",
    ):
        yield "page", f"/{path}"


async def read(data: Path, until: str, only: str, seconds: float, say: Callable[[str], None]) -> list[Read]:
    """Ask a server over `data` for everything that is read, one after the other."""
    found = []
    with ours(data) as server:
        connection = await Connection.open(server.port)

        async def first(path: str, name: str) -> str:
            _, told = await connection.ask(request("GET", path, server.key))
            return str(orjson.loads(told)["items"][0][name])

        person, deal = (
            await first("/api/v1/leads?state=any&limit=1", "person"),
            f"deal:{await first('/api/v1/deals?outcome=any&limit=1', 'deal')}",
        )
        for kind, path in questions(person, deal, until):
            if only in path:
                found.append(await asked(server, connection, kind, path, seconds))
                say(f"{kind} {path}: {found[-1].cpu_ms:.1f} ms of CPU")
        connection.close()
    return found


async def asked(server: Server, connection: Connection, kind: str, path: str, seconds: float) -> Read:
    times: list[float] = []
    used, size = server.cpu_seconds(), 0
    least = ASKED_MIN if seconds else 1
    while not times or (max(times) < LONG_SECONDS and (len(times) < least or (sum(times) < seconds and len(times) < ASKED_MAX))):
        began = time.perf_counter()
        status, told = await connection.ask(request("GET", path, server.key))
        times.append(time.perf_counter() - began)
        size = len(told)
        if status != 200:
            raise Failed(f"{path} is answered {status}: {told.decode()}")
    cpu = (server.cpu_seconds() - used) / len(times)
    return Read(kind, path, len(times), 1e3 * percentile(times, 50), 1e3 * percentile(times, 99), 1e3 * cpu, size / 1024)


def read_shown(found: Sequence[Read], before: Mapping[str, Read]) -> Table:
    """The slowest by CPU, beside what they took of fewer customers, and what all took, by kind."""
    table = Table(title="Pages and API, the slowest first")
    for name in ("", "path"):
        table.add_column(name)
    for name in ("asked", "p50 ms", "p99 ms", "CPU ms", "before", "KB"):
        table.add_column(name, justify="right")
    for one in sorted(found, key=lambda one: -one.cpu_ms)[:SLOWEST]:
        then = f"{before[one.path].cpu_ms:.1f}" if one.path in before else ""
        table.add_row(
            one.kind, one.path, str(one.times), f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.cpu_ms:.1f}", then, f"{one.kilobytes:,.0f}"
        )
    table.add_section()
    for kind in dict.fromkeys(one.kind for one in found):
        some = [one for one in found if one.kind == kind]
        halves = [
            f"{statistics.median(times):.1f}"
            for times in ([one.p50_ms for one in some], [one.p99_ms for one in some], [one.cpu_ms for one in some])
        ]
        table.add_row(kind, f"the median of {len(some)}", "", *halves, "", "")
    return table


def multiplied(world: World, copies: int) -> Path:
    """The data of `benchmarks.figures`. Copies are in the read models; the record is that of one of them, and so are people's stories."""
    one = figures.ingested(world)
    folder = figures.multiplied(one, copies)
    if not (folder / FILE).exists():
        shutil.copyfile(one / FILE, folder / FILE)
    return folder


def main(
    file: Annotated[Path | None, typer.Option("--bare", hidden=True)] = None,
    customers: Annotated[int, typer.Option(min=1, help="Of the simulated world that is read.")] = figures.CUSTOMERS,
    days: Annotated[int, typer.Option(min=1, help="How long it is played.")] = 180,
    copies: Annotated[int, typer.Option(min=1, help="So many companies like it, beside each other; nothing is published then.")] = 1,
    rounds: Annotated[int, typer.Option(min=0, help="How often each server is published to.")] = ROUNDS,
    only: Annotated[str, typer.Option(help="Ask only for paths that have this in them.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="A little of all, to see that it works: its figures mean nothing.")] = False,
    reads: Annotated[bool, typer.Option(help="Whether anything is read.")] = True,
    out: Annotated[Path | None, typer.Option(help="Where all of it goes, as JSON.")] = None,
) -> None:
    if file is not None:
        serve_bare(file)
        return
    console = Console(width=None if sys.stdout.isatty() else 180)
    if quick:
        customers, rounds = QUICK_CUSTOMERS, 1
    world = World(customers=customers, days=days)
    out = out or bench_folder() / f"server-{customers * copies}.json"
    with console.status("starting") as status:
        say = status.update if console.is_terminal else lambda text: print(text, file=sys.stderr, flush=True)
        publishes = rounds if copies == 1 else 0
        playing, requests, seconds = (world, QUICKLY_PUBLISHED, 0.0) if quick else (World(customers=CUSTOMERS), PUBLISHED, ASKED_SECONDS)
        ingested = asyncio.run(published(playing, requests, publishes, say)) if publishes else []
        say("deriving the read models")
        until = (world.start + timedelta(days=world.days - 1)).isoformat()
        answers = asyncio.run(read(multiplied(world, copies), until, only, seconds, say)) if reads else []
    told = {"machine": machine(), "published": [asdict(one) for one in ingested], "read": [asdict(one) for one in answers]}
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if ingested:
        console.print(published_shown(ingested))
    if answers:
        console.print(read_shown(answers, earlier(bench_folder() / f"server-{customers}.json") if copies > 1 else {}))
    console.print(f"All of it: {out}", markup=False)


def earlier(file: Path) -> dict[str, Read]:
    """What an earlier run took, by path."""
    return {one["path"]: Read(**one) for one in json.loads(file.read_text())["read"]} if file.exists() else {}


if __name__ == "__main__":
    typer.run(main)
