"""A bug that we do not have: the fold of persons fails at every touchpoint whose id is POISON.

As a program it is `journey` with that bug: `python -m tests.poison worker`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from journey import person_fold
from journey.touchpoints import Touchpoint

POISON = "poison"


class Bug(Exception):
    """What nobody thought of."""


@contextmanager
def poisoned() -> Iterator[None]:
    with (
        patch.object(person_fold, "advance", _failing(person_fold.advance)),
        patch.object(person_fold, "derive", _failing(person_fold.derive)),
    ):
        yield


def _failing(fold: Callable[..., Any]) -> Callable[..., Any]:
    def failing(*arguments: Any, **more: Any) -> Any:
        touches: Sequence[Touchpoint] = arguments[-2]  # before the turns
        if any(touch.id == POISON for touch in touches):
            raise Bug(f"{POISON}\x1b[2J, and more\non a second line")
        return fold(*arguments, **more)

    return failing


if __name__ == "__main__":
    from app.cli import main

    with poisoned():
        main()
