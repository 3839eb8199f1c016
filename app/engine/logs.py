"""A worker's log: one line an event, with its time, its level and the part of the work that it is about, on standard error.

A line is text for people, or JSON for whoever collects it. All that ends up there comes through here: what the parts say, what libraries
log, warnings, and the traceback of a bug, which is in its event's line too. Nothing that a sender or a server says can begin a line.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from app.settings import Form
from journey.errors import NotPlaced
from journey.readable import readable
from streams.remarks import Say

MESSAGE_CHARS_MAX = 4_000
TRACEBACK_CHARS_MAX = 40_000

SAID_BY_US = ("aiokafka", "faust", "mode")
"""What these log of an outage, again and again while it lasts, they raise too, or we find out ourselves: we say it once."""

_OURS = "journey."


class Lines(logging.Formatter):
    """One line an event. `worker` says whose, where lines of several are collected."""

    def __init__(self, form: Form, worker: str) -> None:
        super().__init__()
        self._form, self._worker = form, worker

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        part = record.name.removeprefix(_OURS) if record.name.startswith(_OURS) else record.name.partition(".")[0]
        message = _cut(record.getMessage(), MESSAGE_CHARS_MAX)
        trace = _cut("".join(traceback.format_exception(*record.exc_info)), TRACEBACK_CHARS_MAX) if record.exc_info else ""
        if self._form is Form.text:
            return readable(f"{at} {record.levelname} {part}: {message}{f' | {trace}' if trace else ''}")
        event = {"time": at, "level": record.levelname.lower(), "part": part, "worker": self._worker, "message": message}
        if trace:
            event["traceback"] = trace
        # In ASCII, and DEL, which JSON may leave as it is, spelled out: it may end up on a terminal.
        return json.dumps(event).replace("\x7f", "\\u007f")


def say_as(part: str) -> Say:
    """How a part of the work tells what it does."""
    log = logging.getLogger(f"{_OURS}{part}")

    def say(text: str, level: int = logging.INFO) -> None:
        # An argument, not the format: it is what others said.
        log.log(level, "%s", text)

    return say


def failed(part: str, error: BaseException) -> None:
    """Tell of a bug: what and where on top, and the whole way there after it."""
    logging.getLogger(f"{_OURS}{part}").critical("%s", _summary(error), exc_info=error)


@contextmanager
def begun(form: Form, worker: str) -> Iterator[None]:
    """All that this process says on standard error is lines of the log."""
    root = logging.getLogger()
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(Lines(form, worker))
    # Of a connection to a broker that went away, which is left for Python to close.
    lines.addFilter(lambda record: not record.getMessage().startswith("Unclosed AIOKafka"))
    before = root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    root.addHandler(lines)
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS[:-1]).setLevel(logging.INFO)
    for name in SAID_BY_US:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
    # Where standard error is gone, nobody is told, and the work goes on.
    logging.raiseExceptions = False
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _ended_a_thread, _unraisable
    try:
        yield
    finally:
        root.removeHandler(lines)
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
        root.setLevel(level)


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    failed("worker", error)


def _ended_a_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        failed("worker", ended.exc_value)


def _unraisable(one: Any) -> None:
    if one.exc_value is not None:
        failed("worker", one.exc_value)


def _summary(error: BaseException) -> str:
    """What went wrong, and in which line of whose code; or in which record, where that is known."""
    if isinstance(error, NotPlaced):
        return str(error)
    what = "".join(traceback.format_exception_only(error)).strip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f", at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"a bug: {what}{where}"


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max // 2]} … {text[-chars_max // 2 :]}"
