"""A worker's log: one line an event, whatever is in it, with its time, its level and the part that it is about."""

import io
import json
import logging
import re
import threading
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from app.engine.logs import MESSAGE_CHARS_MAX, begun, failed, say_as
from app.settings import Form

FORGED = "no\n2026-01-01T00:00:00.000Z INFO worker: all is well\x1b[2K\r\u2028\u202e\x7f\x9b"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR|CRITICAL) [a-z]+: .+")


def logged(do: Callable[[], object], form: Form = Form.json) -> str:
    err = io.StringIO()
    with redirect_stderr(err), begun(form, "w1"):
        do()
    return err.getvalue()


def a_bug() -> None:
    try:
        raise AssertionError(FORGED)
    except AssertionError as error:
        failed("placement", error)


def a_thread_dies() -> None:
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


def of_a_library() -> None:
    logging.getLogger("asyncio").error("a task was %s", "lost\nand more")


def a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nand odd", stacklevel=1)


EVENTS = {
    "said": lambda: say_as("source")(FORGED, logging.WARNING),
    "a bug": a_bug,
    "a thread dies": a_thread_dies,
    "of a library": of_a_library,
    "a warning": a_warning,
}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_one_line_of_text(event: str) -> None:
    told = logged(EVENTS[event], Form.text)
    assert told.count("\n") == 1
    assert told.endswith("\n")
    assert LINE.fullmatch(told.rstrip("\n")), told
    assert told.rstrip("\n").isprintable()


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_one_line_of_json(event: str) -> None:
    told = logged(EVENTS[event])
    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()
    assert told.isascii()
    line = json.loads(told)
    assert {"time", "level", "part", "worker", "message"} <= line.keys()
    assert line["worker"] == "w1"


def test_json_keeps_what_was_said_as_it_was() -> None:
    line = json.loads(logged(EVENTS["said"]))
    assert (line["level"], line["part"], line["message"]) == ("warning", "source", FORGED)


def test_a_bug_is_said_with_where_it_is_and_its_traceback_is_beside_it() -> None:
    line = json.loads(logged(a_bug))
    assert line["part"] == "placement"
    assert re.match(r"a bug: AssertionError: no", line["message"])
    assert re.search(r"test_logs.py:\d+ in a_bug", line["message"])
    assert line["traceback"].startswith("Traceback (most recent call last):\n")


def test_what_libraries_say_of_an_outage_again_and_again_is_left_out() -> None:
    assert logged(lambda: logging.getLogger("aiokafka.conn").error("Unable to connect to <AddressFamily.AF_INET: 2>")) == ""


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    message = json.loads(logged(lambda: say_as("worker")("begin" + "x" * 100_000 + "end")))["message"]
    assert len(message) < MESSAGE_CHARS_MAX + 10
    assert message.startswith("begin")
    assert message.endswith("end")


def test_where_the_log_is_over_standard_error_is_as_before() -> None:
    logged(lambda: None)
    assert logging.getLogger().handlers == [one for one in logging.getLogger().handlers if "logs" not in type(one).__module__]
    err = io.StringIO()
    with redirect_stderr(err):
        say_as("worker")("nobody hears it")
    assert err.getvalue() == ""
