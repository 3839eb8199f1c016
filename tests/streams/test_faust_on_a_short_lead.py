"""What of Faust's loses or doubles events is not used: see `docs/decisions/` and `streams/faust_app.py`."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from streams.faust_app import make_app
from streams.kafka.settings import KafkaSettings

ROOT = Path(__file__).parents[2]
OURS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in ("app", "journey", "projections", "schemas", "streams")
    for path in sorted((ROOT / package).rglob("*.py"))
}

FORBIDDEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "take, which acknowledges what was never handed over": (
        r"\.(noack_)?take(_events|_with_timestamp)?\(",
        ("stream.take(50, within=1)", "stream.noack().take_events(5)", "stream.noack_take(5)", "stream.take_with_timestamp(1)"),
    ),
    "tables, which count twice after a crash": (
        r"\.(Set)?(Global)?Table\(",
        ("app.Table('counts')", "app.GlobalTable('counts')", "app.SetTable('seen')", "app.SetGlobalTable('seen')"),
    ),
    "exactly_once, which doubles": (
        r"processing_guarantee|ProcessingGuarantee|[\"']exactly_once|EXACTLY_ONCE",
        ("processing_guarantee='at_least_once'", 'guarantee = "exactly_once"', "ProcessingGuarantee.EXACTLY_ONCE"),
    ),
    "a bounded channel, which any rebalance wedges for good": (
        r"app\.channel\(|faust\.Channel|ThrowableQueue|FlowControlQueue|stream_buffer_maxsize|\.topic\([^)]*maxsize",
        ("app.channel(maxsize=1)", "faust.Channel(app)", "FlowControlQueue(maxsize=1)", "app.topic('t', maxsize=1)"),
    ),
    "a listener, which would serve to anybody": (
        r"faust\.Worker|from faust\.(worker|cli|web)|\bapp\.main\(|execute_from_commandline|\bweb_(host|port|bind)\b|web_\w+=True|\.page\(",
        ("faust.Worker(app)", "from faust.cli.worker import worker", "app.main()", "web_enabled=True", "web_port=6066", "@app.page('/')"),
    ),
    "pickle, which runs what it reads": (r"\bpickle\b", ("import pickle", "value_serializer='pickle'")),
}  # fmt: skip


def users(what: str, files: dict[str, str]) -> list[str]:
    return [name for name, text in files.items() if re.search(FORBIDDEN[what][0], text)]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_uses(what: str) -> None:
    assert users(what, OURS) == []


@pytest.mark.parametrize(("what", "line"), [(what, line) for what, (_, lines) in FORBIDDEN.items() for line in lines])
def test_who_uses_it_is_found(what: str, line: str) -> None:
    changed = OURS | {"streams/faust_app.py": OURS["streams/faust_app.py"] + f"\n\nasync def more(app, stream):\n    {line}\n"}
    assert users(what, changed) == ["streams/faust_app.py"]


async def hint(_: bytes) -> None: ...


def test_the_app_is_made_without_a_listener_of_its_own() -> None:
    conf: Any = make_app(KafkaSettings("127.0.0.1:1"), "one", hint).conf
    assert not conf.web_enabled
    assert not conf.web_tables_enabled
    assert conf.processing_guarantee.value == "at_least_once"


def test_faust_and_aiokafka_each_stay_in_the_files_named_for_them() -> None:
    faust = [name for name, text in OURS.items() if re.search(r"^\s*(import faust|from (faust|mode)\b)", text, re.M)]
    kafka = [name for name, text in OURS.items() if re.search(r"^\s*(import aiokafka|from aiokafka)", text, re.M)]
    assert faust == ["streams/faust_app.py"]
    assert all(name.startswith("streams/kafka/") or name == "app/engine/worker.py" for name in kafka)


def test_it_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = make_app(KafkaSettings("localhost:9092"), "one", hint)
    asyncio.run(app.on_first_start())
    assert list(tmp_path.iterdir()) == []
