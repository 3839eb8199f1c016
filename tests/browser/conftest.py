"""A server over simulated data, and a real Chromium that opens its pages."""

import re
import signal
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.app.command import COMMAND, here, put, touch, wait_until
from tests.services.browser import browser
from tests.services.processes import keep, tail


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `journey serve` over what 150 simulated customers did, and three lines that can't be read."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "in.jsonl").write_bytes(here("simulate", "--customers", "150", "--seed", "3", cwd=folder).raw)
    put(folder / "odd.jsonl", b"{", touch(id="<script>alert(1)</script>", subject="user:<b>bold</b>"), b"<script>alert(2)</script>", b"[]")
    for file in ("in.jsonl", "odd.jsonl"):
        assert here("ingest", file, cwd=folder).status == 0
    log = folder / "serve.log"
    server = keep([*COMMAND, "serve", "--data", folder / "journey-data", "--port", "0"], folder=folder, log=log)
    try:
        wait_until(lambda: not server.running or "serving at " in log.read_text())
        assert server.running, tail(log)
        address = re.search(r"serving at (\S+)", log.read_text())[1]  # type: ignore[index]
        keys = {role: here("keys", "add", f"a-{role}", "--role", role, cwd=folder).out.split()[-1] for role in ("marketing", "sales")}
        wait_until(lambda: "until the server stops: " in log.read_text())
        keys["operator"] = log.read_text().rpartition("until the server stops: ")[2].split()[0]
        yield Site(address, keys)
    finally:
        server.end(signal.SIGTERM, within=20)


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome
