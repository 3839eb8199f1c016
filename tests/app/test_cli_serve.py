"""`journey serve`: whom it listens to, and which key it takes."""

import base64
import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.app.command import ROOT, environment, here, touch, wait_until
from tests.app.server.doors import started
from tests.app.server.processes import serving

EVERY_ADDRESS = "0.0.0.0"  # it is refused


def test_an_address_that_others_reach_is_refused_without_keys(tmp_path: Path) -> None:
    refused = here("serve", "--host", EVERY_ADDRESS, "--port", "0", cwd=tmp_path)
    assert refused.status == 1
    assert "`journey keys add NAME --role ROLE` makes one first" in refused.err
    here("keys", "add", "ann", "--role", "sales", cwd=tmp_path)
    here("keys", "revoke", "ann", "--reason", "left", cwd=tmp_path)
    assert "there are no keys, and 0.0.0.0" in here("serve", "--host", EVERY_ADDRESS, "--port", "0", cwd=tmp_path).err


def test_without_keys_it_prints_one_that_is_good_until_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        first = server.one_time_key
        assert server.address.startswith("http://127.0.0.1:")
        assert server.get("/api/v1/keys").status_code == 401
        assert server.get("/api/v1/keys", first).json() == {"keys": []}
        kept = [file for file in (tmp_path / "journey-data").iterdir() if str(first).encode() in file.read_bytes()]
        assert kept == []
    with serving(tmp_path) as server:
        assert server.one_time_key not in (None, first)
        assert server.get("/api/v1/keys", first).status_code == 401


def test_a_server_that_runs_takes_a_new_key_and_soon_refuses_a_revoked_one(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        key = here("keys", "add", "olga", "--role", "operator", cwd=tmp_path).out.strip()
        assert server.get("/api/v1/keys", key).json()["keys"][0]["name"] == "olga"
        assert here("keys", "revoke", "olga", "--reason", "left", cwd=tmp_path).status == 0
        wait_until(lambda: server.get("/api/v1/keys", key).status_code == 401)
    with serving(tmp_path) as server:
        assert server.one_time_key is not None, "a revoked key is none"
        here("keys", "add", "ben", "--role", "sales", cwd=tmp_path)
    with serving(tmp_path) as server:
        assert server.one_time_key is None


def test_what_is_under_way_when_it_is_told_to_stop_is_finished(tmp_path: Path) -> None:
    body = json.dumps({"batch": [{"type": "page", "userId": "u-1", "messageId": "m1", "name": "Start"}]}).encode()
    with started(tmp_path) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.putrequest("POST", "/v1/batch")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Authorization", f"Basic {base64.b64encode(server.key.encode() + b':').decode()}")
        connection.endheaders()
        connection.send(body[:10])
        # Another that is answered after it: what was sent before has been seen.
        assert httpx.get(f"{server.address}/health/ready").status_code == 200
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _listens(server.address))
        connection.send(body[10:])
        assert connection.getresponse().status == 200
        connection.close()
        assert server.process.wait(30) == 0
    assert here("timeline", "user:u-1", cwd=tmp_path).status == 0


def _listens(address: str) -> bool:
    try:
        httpx.get(f"{address}/health/live")
    except httpx.ConnectError:
        return False
    return True


def test_one_whose_writer_does_not_end_stops_all_the_same_and_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "tests.stuck", "serve", "--port", "0", "--data", str(tmp_path / "journey-data")]
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=file, stderr=file)
    try:
        wait_until(lambda: re.search(r"serving at \S+\n", log.read_text()) is not None, 60)
        ((key, address),) = re.findall(r"(jk_\S+)\s+serving at (\S+)", log.read_text())
        event = {**json.loads(touch(subject="user:kept")), "specversion": "1.0"}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"}
        assert httpx.post(f"{address}/events", json=event, headers=headers).status_code == 200
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "has not waited for what did not end within 1 s; what was acknowledged is kept" in log.read_text()
    assert here("ingest", "/dev/null", cwd=tmp_path).status == 0
    assert here("timeline", "user:kept", cwd=tmp_path).status == 0
