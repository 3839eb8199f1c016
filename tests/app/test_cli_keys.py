"""`journey keys`: made and shown once, listed, revoked; all of it in `journey audit`."""

from pathlib import Path

from app.engine.embedded import opened
from tests.app.command import here


def test_a_key_is_shown_once_and_nothing_but_a_hash_of_it_is_kept(tmp_path: Path) -> None:
    made = here("keys", "add", "shop", "--role", "publisher", "--origin", "HTTPS://Shop.example:443/", "--actor", "ann", cwd=tmp_path)
    key = made.out.strip()
    assert key.startswith("jk_")
    assert len(key) == 46
    assert not [file for file in (tmp_path / "journey-data").iterdir() if key.encode() in file.read_bytes()]
    (listed,) = here("keys", "--json", cwd=tmp_path).json["keys"]
    assert (listed["name"], listed["role"], listed["origins"], listed["made_by"]) == ("shop", "publisher", ["https://shop.example"], "ann")
    assert "sha256" not in listed


def test_making_and_revoking_one_is_in_the_audit(tmp_path: Path) -> None:
    here("keys", "add", "shop", "--role", "publisher", "--origin", "https://a.example", "--actor", "ann", cwd=tmp_path)
    assert "why? --reason" in here("keys", "revoke", "shop", cwd=tmp_path).err
    assert here("keys", "revoke", "shop", "--reason", "leaked", "--actor", "ben", cwd=tmp_path).err == "shop is revoked\n"
    told = here("audit", cwd=tmp_path).out
    assert "key shop: nothing -> role publisher, origins https://a.example" in told
    assert "key shop: role publisher -> revoked" in told
    assert "leaked" in told


def test_what_is_no_role_no_name_and_no_origin_is_refused(tmp_path: Path) -> None:
    assert "there are publisher, marketing, sales, auditor, operator" in here("keys", "add", "x", "--role", "boss", cwd=tmp_path).err
    assert "no name for a key" in here("keys", "add", "one-time key", "--role", "sales", cwd=tmp_path).err
    for origin in ("shop.example", "https://shop.example/path", "*", "https://*.example", "https://a b", "null", "https://x:99999"):
        refused = here("keys", "add", "x", "--role", "publisher", "--origin", origin, cwd=tmp_path)
        assert (refused.status, "is no origin of web pages" in refused.err) == (1, True), origin
    assert not (tmp_path / "journey-data").exists()


def test_keys_are_made_and_revoked_while_another_process_writes(tmp_path: Path) -> None:
    with opened(tmp_path / "journey-data"):
        assert here("keys", "add", "shop", "--role", "publisher", cwd=tmp_path).status == 0
        assert here("keys", "revoke", "shop", "--reason", "leaked", cwd=tmp_path).status == 0
    assert here("keys", "--json", cwd=tmp_path).json["keys"][0]["revoked_at"]
