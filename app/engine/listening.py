"""An address to listen at, taken before anything is begun: where it can't be had, that is said at once."""

import socket

from journey.errors import Refused


def bound(host: str, port: int, option: str) -> socket.socket:
    """Has the address, and listens to nobody yet. `option` is what names the port. Raises Refused."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            # What the process before left behind at the port is no reason to wait.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except OSError:
            made.close()
            raise
        return made
    except OSError as error:
        raise Refused(f"can't listen at {host}:{port}: {error.strerror or error}; {option} 0 takes any free one") from error


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
