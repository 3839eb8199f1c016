"""Servers in containers, by testcontainers, where an engine answers."""

import atexit
import socket
import warnings
from collections.abc import Callable
from typing import Any

from tests.services.processes import TAIL_LINES, NoService
from tests.services.service import Service

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
PING_SECONDS_MAX = 5
STOP_SECONDS_MAX = 30


def engine_host() -> str:
    """The host on which the engine's ports are published. Raises NoService where no engine answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What the clients warn about is not ours to mend.
        from docker.errors import DockerException
        from testcontainers.core.docker_client import DockerClient, get_docker_host

        try:
            _knock(get_docker_host() or DEFAULT_SOCKET)
            client = DockerClient(timeout=PING_SECONDS_MAX)
            try:
                client.client.ping()
                return str(client.host())
            finally:
                client.client.close()
        except (DockerException, OSError) as error:
            raise NoService(f"no container engine answers ({error})") from error


def _knock(address: str) -> None:
    """Raises OSError where nobody listens, at once; the client would leave a socket open behind it."""
    scheme, _, path = address.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(PING_SECONDS_MAX)
            one.connect(path)


def of_container(
    image: str,
    *,
    host: str,
    port: int,
    environment: dict[str, str],
    command: str | None,
    address: str,
    ready: Callable[[Callable[[], bool]], None],
) -> Service:
    """`image`, its `port` published under the same number. `ready` waits for it, and is told how to know that it still runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer

    made = DockerContainer(image)
    for name, value in environment.items():
        made.with_env(name, value)
    if command:
        made.with_command(command)
    ports: dict[str, Any] = made.ports
    # A number that stays, since what Kafka advertises and our callers hold must outlive a restart; for nobody else where that can be.
    ports[str(port)] = ("127.0.0.1", port) if host in ("localhost", "127.0.0.1") else port

    def remove() -> None:
        atexit.unregister(remove)
        made.stop()

    # Where we can't, testcontainers' reaper does.
    atexit.register(remove)
    try:
        made.start()
    except (DockerException, OSError, RuntimeError) as error:
        remove()
        raise NoService(f"{image} can't be started: {error}") from error
    container = made.get_wrapped_container()

    def running() -> bool:
        container.reload()
        return bool(container.status == "running")

    def wait() -> None:
        try:
            ready(running)
        except NoService as reason:
            raise NoService(f"{reason}\n{container.logs(tail=TAIL_LINES).decode(errors='replace')}") from reason

    def start_again() -> None:
        if not running():
            container.start()
        wait()

    def stop() -> None:
        if running():
            container.stop(timeout=STOP_SECONDS_MAX)

    def kill() -> None:
        if running():
            container.kill()
            container.wait()

    try:
        wait()
    except NoService:
        remove()
        raise
    return Service(address, f"{image} by testcontainers", stop=stop, kill=kill, start_again=start_again)
