"""Traces by OpenTelemetry's own variables: one from a request down to what the read models show, and none where nobody asks."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.engine import tracing
from app.engine.embedded import reading
from tests.app.command import COMMAND, ROOT, environment, wait_until
from tests.app.server.doors import started
from tests.services.collector import collecting

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
PARTS = {"POST /v1/batch", "take in a body", "have the log keep it", "place a unit", "take in a unit: marketing", "take in a unit: sales"}


def call(number: int) -> dict[str, object]:
    return {"batch": [{"type": "page", "userId": "u-1", "messageId": f"m{number}", "timestamp": "2026-03-02T10:00:00Z", "name": "Start"}]}


def test_a_request_is_one_trace_down_to_the_read_models(tmp_path: Path) -> None:
    with collecting() as collector, started(tmp_path, **collector.env, OTEL_SERVICE_NAME="shop") as server:
        keyed = {"Authorization": f"Bearer {server.key}"}
        for number, headers in enumerate(({**keyed, "traceparent": TRACEPARENT}, keyed)):
            assert httpx.post(f"{server.address}/v1/batch", json=call(number), headers=headers).status_code == 200
        wait_until(lambda: collector.of(TRACE).keys() == PARTS)
        found = collector.of(TRACE)
        assert {one.service for one in found.values()} == {"shop"}
        chain = [found[name] for name in ("POST /v1/batch", "have the log keep it", "place a unit", "take in a unit: sales")]
        assert [one.parent for one in chain] == [CALLER, *(one.id for one in chain[:-1])]
        assert found["take in a body"].parent == chain[0].id
        assert (found["place a unit"].told["journey.records"], found["place a unit"].told["journey.accepted"]) == (1, 1)
        # One that came with none begins its own.
        wait_until(lambda: sum(one.name == "place a unit" for one in collector.spans) == 2)
        (other,) = {one.trace for one in collector.spans if one.name == "place a unit"} - {TRACE}
        wait_until(lambda: collector.of(other).keys() == PARTS)
        httpx.get(f"{server.address}/api/v1/people/user:secret?as_of=secret", headers=keyed)
        wait_until(lambda: any("/people/" in one.name for one in collector.spans))
        assert "secret" not in repr(collector.spans), "an address may name a person"
    with reading(tmp_path / "journey-data") as engine:
        for raw, body in engine.record.db.execute("SELECT raw, body FROM log"):
            assert TRACE.encode() not in raw + body


def test_what_is_asked_for_and_cant_be_done_is_said_and_stops_nobody(tmp_path: Path) -> None:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    for more, says in (
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin'"),
    ):
        assert says in begun([*COMMAND, "serve", "--port", "0"], tmp_path, **asked, **more)
    hidden = "import sys; sys.modules['opentelemetry.sdk'] = None; from app.cli import main; main()"
    told = begun([sys.executable, "-c", hidden, "serve", "--port", "0"], tmp_path, **asked)
    assert re.search(r"OpenTelemetry is not installed: none are sent; pip install 'customer-journey-engine\[telemetry\]'", told)


@pytest.mark.parametrize(
    "env", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, {"OTEL_TRACES_EXPORTER": "none"}]
)
def test_where_none_are_wanted_nothing_of_it_is_loaded(env: dict[str, str]) -> None:
    program = (
        "import sys; from app.engine import tracing; end = tracing.begin('journey-server', print)\n"
        "with tracing.span('nothing'): assert tracing.current() is None and not tracing.is_on()\n"
        "end(); assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(**env), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert not tracing.is_on()


def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    with started(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as server:
        key = {"Authorization": f"Bearer {server.key}"}
        assert httpx.post(f"{server.address}/v1/batch", json=call(1), headers=key).status_code == 200


def begun(command: list[str], folder: Path, **env: str) -> str:
    """What a server says until it serves."""
    with subprocess.Popen(command, cwd=folder, env=environment(**env), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while "serving at" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.kill()
    return said
