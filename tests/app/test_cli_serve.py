"""`journey serve`: whom it listens to, and which key it takes."""

from pathlib import Path

from tests.app.command import here, wait_until
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
