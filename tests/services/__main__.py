"""Kafka and PostgreSQL for a person: `make services` starts them, prints their addresses, and stops them after Ctrl-C."""

import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType

from tests.services.processes import NoService
from tests.services.sharing import own, session

VARIABLES = {"Kafka": "JOURNEY_KAFKA", "PostgreSQL": "JOURNEY_POSTGRES"}


def main() -> int:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        # Of both: a shell that starts us in the background has the first one ignored.
        signal.signal(number, stop)
    with ExitStack() as stack:
        folder = stack.enter_context(session())
        try:
            for name, variable in VARIABLES.items():
                service = stack.enter_context(own(name, folder))
                sys.stdout.write(f"export {variable}={service.address}\n")
                sys.stderr.write(f"# {name}: {service.how}\n")
            sys.stdout.flush()
            sys.stderr.write("# They run, and keep their data, until Ctrl-C.\n")
            while True:
                # One that comes right before a wait without end would not be heard.
                time.sleep(1)
        except NoService as reason:
            sys.stderr.write(f"{reason}\n")
            return 1
        except KeyboardInterrupt:
            # A second Ctrl-C would leave the rest of this undone.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.stderr.write("# Stopping both.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
