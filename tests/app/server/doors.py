"""A server as a process of its own, and doors before it that clients knock at: each brings trouble before it lets anything through."""

import http.client
import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.app.command import COMMAND, environment, wait_until
from tests.services.processes import free_ports

REFUSALS = 2
"""How often a door answers 503 before it lets a request through."""
TOGETHER_SECONDS_MAX = 90.0


class Server:
    """`journey serve`, which can be killed and started again at the same address."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder, self._env = folder, env
        (self.port,) = free_ports(1)
        self._log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.key = ""
        """An operator's."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self.key:
            made = [*COMMAND, "keys", "add", "door", "--role", "operator", "--json"]
            self.key = json.loads(subprocess.check_output(made, cwd=self.folder, env=environment(**self._env)))["key"]
        with self._log.open("ab") as log:
            command = [*COMMAND, "serve", "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment(**self._env), stdout=log, stderr=log)
        wait_until(self._is_up, 60.0)

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    def said(self) -> str:
        return self._log.read_text()

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/health/live") as answer:
            return bool(answer.status == 200)
        return False


@contextmanager
def started(folder: Path, **env: str) -> Iterator[Server]:
    server = Server(folder, **env)
    try:
        server.start()
        yield server
    finally:
        with suppress(AssertionError):
            server.end(signal.SIGKILL)


class Trouble:
    """What befalls the clients: 503 twice; then the server takes what each has sent, and is killed before any of them has an answer."""

    def __init__(self, server: Server, clients: int) -> None:
        self.server = server
        self.killed = 0
        self.together = threading.Barrier(clients, self._kill)

    def _kill(self) -> None:
        self.server.end(signal.SIGKILL)
        self.killed += 1
        self.server.start()


class Door(ThreadingHTTPServer):
    """What one client takes for the server."""

    daemon_threads = True

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(("127.0.0.1", 0), _Knock)
        self.trouble = trouble
        self.knocks: list[tuple[str, int]] = []
        """The path of each request, and what was answered; 0: nothing."""
        self.numbers = iter(range(1_000))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def doors(trouble: Trouble, clients: list[str]) -> Iterator[dict[str, Door]]:
    made = {client: Door(trouble) for client in clients}
    threads = [threading.Thread(target=door.serve_forever) for door in made.values()]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for door, thread in zip(made.values(), threads, strict=True):
            door.shutdown()
            thread.join()
            door.server_close()


class _Knock(BaseHTTPRequestHandler):
    server: Door
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        number, body = next(self.server.numbers), self._body()
        status, answer = 503, b""
        if number >= REFUSALS:
            status, answer = self._passed_on(body)
        if number == REFUSALS:
            assert status == 200, answer
            self.server.trouble.together.wait(TOGETHER_SECONDS_MAX)
            self.server.knocks.append((self.path, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.server.knocks.append((self.path, status))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        """What the server answers. While it is started again, it is waited for."""
        headers = {name: text for name, text in self.headers.items() if name.lower() not in ("host", "transfer-encoding", "content-length")}
        found: list[tuple[int, bytes]] = []

        def answered() -> bool:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.trouble.server.port)
            with suppress(OSError, http.client.HTTPException):
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                found.append((answer.status, answer.read()))
            connection.close()
            return bool(found)

        wait_until(answered, 60.0)
        return found[0]

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""
