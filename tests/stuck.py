"""`journey` whose placing never ends, and which has little time to stop: `python -m tests.stuck serve`."""

import threading
from typing import Any
from unittest.mock import patch

from app.commands import serve
from app.engine.embedded import Embedded

STOP_SECONDS = 1.0


async def for_ever(*_: Any) -> None:
    threading.Event().wait()


if __name__ == "__main__":
    from app.cli import main

    with patch.object(serve, "STOP_SECONDS_MAX", STOP_SECONDS):
        start = Embedded.start

        async def then_stuck(engine: Embedded, *arguments: Any) -> None:
            await start(engine, *arguments)
            engine.place_unit = for_ever  # type: ignore[method-assign]

        with patch.object(Embedded, "start", then_stuck):
            main()
