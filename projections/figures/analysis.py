"""Figures that solve equations or fit models: numpy and scipy are in an extra, and not everybody has them."""

from collections.abc import Iterator
from contextlib import contextmanager

from journey.errors import Refused


class NotWorkedOut(Refused):
    """A figure cannot be worked out here: it goes beyond a bound, or what works it out is not installed."""

    def __init__(self, why: str, figure: str = "") -> None:
        super().__init__(f"{figure}: {why}" if figure else why)
        self.why, self.figure = why, figure


@contextmanager
def of_figure(name: str) -> Iterator[None]:
    """Says which figure it is that cannot be worked out."""
    try:
        yield
    except NotWorkedOut as error:
        raise NotWorkedOut(error.why, name) from error


@contextmanager
def analysis() -> Iterator[None]:
    """Around the import of numpy or scipy, which takes a while: only who needs them imports them. Raises NotWorkedOut without them."""
    try:
        yield
    except ImportError as error:
        raise NotWorkedOut(
            "numpy and scipy work it out, and are not installed; they come with the extra `analysis`:"
            " pip install 'customer-journey-engine[analysis]'"
        ) from error
