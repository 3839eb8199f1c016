"""Whatever a client of the OpenAPI document sends is answered as that document says: never by an error of ours."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from shutil import copytree

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from app.engine.api_keys import hashed
from app.server.application import application
from app.server.served import ServedFolder
from streams.remarks import nobody

EXAMPLES_MAX, OF_FIGURES_MAX = 3, 1
"""Of each route; those of figures are alike."""

SOAK_TIMES = 20
"""So many times as many cases in `make soak`, and others each time."""

KEY = "jk_examples"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def address(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own thread: a client of its own loop asks it."""
    folder = copytree(filled, tmp_path_factory.mktemp("served"), dirs_exist_ok=True) / "journey-data"
    begun: Queue[uvicorn.Server] = Queue()

    async def serve() -> None:
        served = ServedFolder(folder, nobody)
        await served.start()
        server = uvicorn.Server(uvicorn.Config(application(served, hashed(KEY)), log_config=None, access_log=False))
        begun.put(server)
        await server.serve(sockets=[listening])
        await served.stop()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        server = begun.get(timeout=60)
        host, port = listening.getsockname()
        yield f"http://{host}:{port}"
        server.should_exit = True
        thread.join()


@pytest.mark.slow
def test_every_route_answers_as_the_document_says(address: str) -> None:
    is_soak = settings.get_current_profile_name() == "soak"
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    # What is told without an end is none of them.
    for result in schema.exclude(path_regex="/stream$").get_all_operations():
        operation = result.ok()

        examples = (OF_FIGURES_MAX if "/figures/" in operation.path else EXAMPLES_MAX) * (SOAK_TIMES if is_soak else 1)

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not is_soak, database=None)
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            case.query["wait"] = 0
            case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {KEY}"})

        check()
