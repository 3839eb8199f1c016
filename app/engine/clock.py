"""The clock of the machine. Nothing that is derived asks it."""

import time

from journey.instants import Instant


def now() -> Instant:
    return time.time_ns() // 1000
