"""A real Chromium that tests drive: the one that is installed, else that of the system's packages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.services.kafka import CACHE, FETCH_SECONDS_MAX
from tests.services.processes import NoService, locked, run

NAMES = ("chromium", "chromedriver")
PACKAGES = ("chromium", "chromium-driver")


def installed() -> tuple[str, str]:
    """The paths of Chromium and of what drives it. Raises NoService where they can't be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "lock", within=FETCH_SECONDS_MAX):
        if not all(map(shutil.which, NAMES)):
            if os.geteuid() != 0 or shutil.which("apt-get") is None:
                raise NoService(f"there is no Chromium; install {' and '.join(PACKAGES)}")
            for command in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
                run(["apt-get", "--quiet", *command], folder=CACHE, log=CACHE / "apt.log", within=FETCH_SECONDS_MAX)
    found = [shutil.which(name) for name in NAMES]
    if found[0] is None or found[1] is None:
        raise NoService(f"{' and '.join(PACKAGES)} are installed, and there is no {' or '.join(NAMES)}")
    return found[0], found[1]


@contextmanager
def browser(profile: Path, *, width: int = 1200, dark: bool = False) -> Iterator[Chrome]:
    """A window of a Chromium of its own, gone at the end."""
    chromium, driver = installed()
    options = ChromeOptions()
    options.binary_location = chromium
    options.page_load_strategy = "normal"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={width},1400",
                     f"--user-data-dir={profile}", *(["--blink-settings=preferredColorScheme=0"] if dark else [])):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = Chrome(options, Service(driver))
    try:
        yield window
    finally:
        window.quit()
