"""What of Faust's loses or doubles events is not used: see `docs/decisions/` and `streams/faust_app.py`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = [path for package in ("app", "journey", "projections", "schemas", "streams") for path in sorted((ROOT / package).rglob("*.py"))]

FORBIDDEN = {
    "take, which acknowledges what was never handed over": r"\.(no)?ack_?take|\.take(_events|_with_timestamp)?\(",
    "tables, which count twice after a crash": r"\.(Global)?Table\(|SetTable",
    "exactly_once, which doubles": r"processing_guarantee|[\"']exactly_once",
    "a bounded channel, which any rebalance wedges for good": r"app\.channel\(|faust\.Channel|ThrowableQueue|FlowControlQueue",
    "the worker command, which opens a listener": r"faust\.Worker|\.main\(\)\s*#\s*faust|execute_from_commandline",
    "pickle, which runs what it reads": r"\bpickle\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_uses(what: str):
    found = [path.relative_to(ROOT).as_posix() for path in OURS if re.search(FORBIDDEN[what], path.read_text(encoding="utf-8"))]
    assert found == []


def test_faust_and_aiokafka_each_stay_in_the_files_named_for_them():
    faust = [
        path.relative_to(ROOT).as_posix() for path in OURS if re.search(r"^\s*(import faust|from (faust|mode)\b)", path.read_text(), re.M)
    ]
    kafka = [
        path.relative_to(ROOT).as_posix() for path in OURS if re.search(r"^\s*(import aiokafka|from aiokafka)", path.read_text(), re.M)
    ]
    assert faust == ["streams/faust_app.py"]
    assert all(path.startswith("streams/kafka/") or path == "app/worker.py" for path in kafka)
