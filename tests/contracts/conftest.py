"""A place of its own for each test, of each implementation of the port that the test is about."""

import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from projections.read_model import ReadStore
from streams.operators import ControlLog, DeadLetters
from streams.ports import Histories, Log
from tests.contracts.places import KAFKA, LOGS, POSTGRES, PREFIX, READERS, RECORDS, STORES, Place, Record
from tests.services import databases
from tests.services.databases import TIDY_SECONDS_MAX
from tests.services.processes import answer


def marked(names: Iterable[str]) -> list[Any]:
    """`names`, those of servers with the mark that says so."""
    marks = {"postgres": pytest.mark.postgres, "kafka": pytest.mark.kafka}
    return [pytest.param(name, marks=marks[name]) if name in marks else name for name in names]


@pytest.fixture(autouse=True)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What implementations on a server need: where it is, and a name for their databases or topics, which are gone after the test."""
    if request.node.get_closest_marker("kafka") is not None:
        monkeypatch.setenv(KAFKA, request.getfixturevalue("kafka").address)
        monkeypatch.setenv(PREFIX, request.getfixturevalue("topics"))
    if request.node.get_closest_marker("postgres") is None:
        yield
        return
    address, prefix = request.getfixturevalue("postgres").address, f"c{uuid.uuid4().hex[:12]}_"
    monkeypatch.setenv(POSTGRES, address)
    monkeypatch.setenv(PREFIX, prefix)
    yield
    answer(take_away(address, prefix), within=TIDY_SECONDS_MAX)


async def take_away(address: str, prefix: str) -> None:
    async with databases.connected(address) as connection:
        names = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname::TEXT, $1)", prefix)
    for (name,) in names:
        await databases.take_away(address, name)


@pytest.fixture(params=marked(LOGS))
def log_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place[Log]:
    return Place(request.param, tmp_path, LOGS[request.param])


@pytest.fixture(params=marked(RECORDS))
def record_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place[Record]:
    return Place(request.param, tmp_path, RECORDS[request.param])


@pytest.fixture(params=marked(STORES))
def store_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place[ReadStore]:
    return Place(request.param, tmp_path, STORES[request.param])


@pytest.fixture
def reader_place(store_place: Place[ReadStore]) -> Place[ReadStore]:
    """Where `store_place` is, as another process sees it."""
    return Place(store_place.name, store_place.folder, READERS[store_place.name])


@pytest.fixture
async def log(log_place: Place[Log]) -> AsyncIterator[Log]:
    async with log_place.open() as log:
        yield log


@pytest.fixture
async def record(record_place: Place[Record]) -> AsyncIterator[Record]:
    async with record_place.open() as record:
        yield record


@pytest.fixture
def histories(record: Record) -> Histories:
    return record.histories


@pytest.fixture
def control(record: Record) -> ControlLog:
    return record.control


@pytest.fixture
def dead_letters(record: Record) -> DeadLetters:
    return record.dead_letters


@pytest.fixture
async def store(store_place: Place[ReadStore]) -> AsyncIterator[ReadStore]:
    async with store_place.open() as store:
        yield store
