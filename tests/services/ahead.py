"""What is fetched or made once: ahead of the tests, which would all wait for it. What can't be had is told by those that need it."""

import os
import shutil
from contextlib import suppress

from benchmarks.kafka_streams import peer
from benchmarks.measuring import Failed
from tests.services import browser, engine, npm
from tests.services.kafka import ADDRESS, left_by_a_first
from tests.services.processes import NoService


def main() -> None:
    with suppress(NoService):
        browser.installed()
    with suppress(NoService):
        npm.modules()
    java = shutil.which("java")
    if java is None:
        return
    if ADDRESS not in os.environ and not _has_engine():
        with suppress(NoService):
            left_by_a_first(java)
    with suppress(Failed):
        peer.build()


def _has_engine() -> bool:
    try:
        engine.engine_host()
    except NoService:
        return False
    return True


if __name__ == "__main__":
    main()
