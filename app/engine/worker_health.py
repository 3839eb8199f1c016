"""What a worker tells whoever watches it: `/health/live`, `/health/ready` and `/metrics`, as the server has them, at a port of its own.

A thread answers, and asks the worker's loop: so one whose loop stands still is found out. It needs no key: it says numbers only, and
listens at this machine unless it is told otherwise.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.engine.measures import LOOKED_AT_SECONDS_MAX, Measures
from app.engine.ports import Engine
from journey.errors import Away, Refused
from projections.read_model import ReadStore
from streams.pump import Pump

ANSWER_SECONDS_MAX = 4 * LOOKED_AT_SECONDS_MAX
"""How long the loop may take for an answer: each of what it works with is waited for."""

READ_SECONDS_MAX = 10.0
"""How long who asks may take to do so."""


class HealthAnswer(NamedTuple):
    status: int
    type: str
    body: bytes


class Health:
    """One worker's. It answers from when it is made, and knows more once the worker has `begun`."""

    def __init__(self, listening: socket.socket) -> None:
        self.measures = Measures()
        self.pump: Pump | None = None
        self.is_at_work = False
        self._engine: Engine | None = None
        self._models: Sequence[ReadStore] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = _Server(listening, self)
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def begun(self, engine: Engine, models: Sequence[ReadStore]) -> None:
        """The worker has its engine, on the loop that runs now, and brings `models` up to date."""
        self._engine, self._models, self._loop = engine, models, asyncio.get_running_loop()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> HealthAnswer:
        """In a thread of its own."""
        if path not in ("/health/live", "/health/ready", "/metrics"):
            return _problem(404, "Not found", "there are /health/live, /health/ready and /metrics")
        if self._loop is None:
            if path == "/health/live":
                return _said({"status": "ok"})
            if path == "/metrics":
                return HealthAnswer(200, CONTENT_TYPE_LATEST, generate_latest(self.measures.registry))
            return _problem(503, "Not ready", "it waits for Kafka or PostgreSQL to begin")
        doing = asyncio.run_coroutine_threadsafe(self._answer(path), self._loop)
        try:
            return doing.result(ANSWER_SECONDS_MAX)
        except (TimeoutError, CancelledError):
            doing.cancel()
            return _problem(503, "Not there", f"the worker has not answered for {ANSWER_SECONDS_MAX:.0f} s")

    async def _answer(self, path: str) -> HealthAnswer:
        assert self._engine is not None, "it has begun"
        if path == "/health/live":
            return _said({"status": "ok"})
        if path == "/metrics":
            return HealthAnswer(200, CONTENT_TYPE_LATEST, await self.measures.text(self._engine, self._waiting(), self._models))
        if not self.is_at_work:
            return _problem(503, "Not ready", "it is being started")
        try:
            async with asyncio.timeout(LOOKED_AT_SECONDS_MAX):
                for store in self._models:
                    await store.position()
                return _said({"status": "ok", "position": await self._engine.record.position()})
        except (Away, Refused) as error:
            return _problem(503, "Not ready", str(error))
        except TimeoutError:
            return _problem(503, "Not ready", f"PostgreSQL has not answered for {LOOKED_AT_SECONDS_MAX:.0f} s")

    def _waiting(self) -> dict[int, int] | None:
        return None if self.pump is None else self.pump.waiting()


def _said(what: dict[str, str | int]) -> HealthAnswer:
    return HealthAnswer(200, "application/json", json.dumps(what).encode())


def _problem(status: int, title: str, detail: str) -> HealthAnswer:
    return HealthAnswer(status, "application/problem+json", json.dumps({"status": status, "title": title, "detail": detail}).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, health: Health) -> None:
        super().__init__(listening.getsockname()[:2], _Asked, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.health = health
        self.server_activate()

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked has gone away, or was no client of HTTP's: nothing of ours is the matter."""


class _Asked(BaseHTTPRequestHandler):
    server: _Server
    timeout = READ_SECONDS_MAX

    def do_GET(self) -> None:
        answer = self.server.health.answer(self.path.partition("?")[0])
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815  # the base class names it

    def version_string(self) -> str:
        return "journey"

    def log_message(self, format: str, *arguments: object) -> None:
        """Each scrape would be a line of the log."""
