"""`journey serve`: whom it listens to, and which key it takes."""

from pathlib import Path

from tests.app.command import here

EVERY_ADDRESS = "0.0.0.0"  # it is refused


def test_an_address_that_others_reach_is_refused_without_keys(tmp_path: Path) -> None:
    refused = here("serve", "--host", EVERY_ADDRESS, "--port", "0", cwd=tmp_path)
    assert refused.status == 1
    assert "`journey keys add NAME --role ROLE` makes one first" in refused.err
    here("keys", "add", "ann", "--role", "sales", cwd=tmp_path)
    here("keys", "revoke", "ann", "--reason", "left", cwd=tmp_path)
    assert "there are no keys, and 0.0.0.0" in here("serve", "--host", EVERY_ADDRESS, "--port", "0", cwd=tmp_path).err
