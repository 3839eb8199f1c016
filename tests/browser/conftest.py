"""A server over simulated data, and a real Chromium that opens its pages."""

import re
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from tests.app.command import COMMAND, here, put, touch, wait_until
from tests.services.browser import browser
from tests.services.processes import keep, tail

PAGE_SECONDS_MAX = 60.0


class Site(NamedTuple):
    """Where the server is, and a key of each role."""

    address: str
    keys: dict[str, str]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`journey serve` over what 150 simulated customers did, and three lines that can't be read."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "in.jsonl").write_bytes(here("simulate", "--customers", "150", "--seed", "3", cwd=folder).raw)
    put(folder / "odd.jsonl", b"{", touch(id="<script>alert(1)</script>", subject="user:<b>bold</b>"), b"<script>alert(2)</script>", b"[]")
    for file in ("in.jsonl", "odd.jsonl"):
        assert here("ingest", file, cwd=folder).status == 0
    keys = {
        role: here("keys", "add", f"a-{role}", "--role", role, cwd=folder).out.split()[-1]
        for role in ("marketing", "sales", "operator", "publisher")
    }
    log = folder / "serve.log"
    server = keep([*COMMAND, "serve", "--data", folder / "journey-data", "--port", "0"], folder=folder, log=log)
    try:
        wait_until(lambda: not server.running or "serving at " in log.read_text())
        assert server.running, tail(log)
        yield Site(re.search(r"serving at (\S+)", log.read_text())[1], keys)  # type: ignore[index]
    finally:
        server.end(signal.SIGTERM, within=20)


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome


@pytest.fixture
def window(chrome: Chrome, site: Site) -> Chrome:
    """Logged in as an operator."""
    log_in(chrome, site, "operator")
    return chrome


@pytest.fixture
def served(site: Site) -> str:
    return site.address


def follow(window: Chrome, css: str) -> None:
    """Click what leads to another page, and wait until that is there: the driver itself does not always."""
    before = window.find_element(By.TAG_NAME, "html")
    window.find_element(By.CSS_SELECTOR, css).click()
    WebDriverWait(window, PAGE_SECONDS_MAX).until(staleness_of(before))
    WebDriverWait(window, PAGE_SECONDS_MAX).until(lambda _: window.execute_script("return document.readyState") == "complete")  # type: ignore[no-untyped-call]


def log_in(chrome: Chrome, site: Site, role: str) -> None:
    chrome.get(site.address + "/login")
    chrome.delete_all_cookies()
    chrome.get(site.address + "/login")
    chrome.find_element(By.NAME, "key").send_keys(site.keys[role])
    follow(chrome, "main button")
