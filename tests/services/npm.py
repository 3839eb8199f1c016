"""The Node libraries that tests run, fetched once by npm, exactly as they are locked."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from tests.services.kafka import CACHE
from tests.services.processes import NoService, locked, run

WANTED = Path(__file__).with_name("node")
FETCHED = "node-" + hashlib.sha256((WANTED / "package-lock.json").read_bytes()).hexdigest()[:12]
FETCH_SECONDS_MAX = 300.0


def node() -> str:
    """The program. Raises NoService."""
    found = shutil.which("node")
    if found is None:
        raise NoService("there is no `node`, which runs the clients for Node; Debian has it in nodejs")
    return found


def modules() -> Path:
    """The folder of the libraries. With them there, neither npm nor a network is needed."""
    fetched = CACHE / FETCHED
    if fetched.exists():
        return fetched / "node_modules"
    npm = shutil.which("npm")
    if npm is None:
        raise NoService("there is no `npm` to fetch the clients for Node; Debian has it in npm")
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with locked(CACHE / "npm-lock", within=FETCH_SECONDS_MAX):
        if not fetched.exists():
            # Under another name until it is whole.
            with tempfile.TemporaryDirectory(dir=CACHE) as part:
                folder = Path(part) / "node"
                shutil.copytree(WANTED, folder)
                # No script of a library is run: none of these needs it.
                command = [npm, "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"]
                run(command, folder=Path(part), log=CACHE / "npm.log", within=FETCH_SECONDS_MAX)
                folder.rename(fetched)
    return fetched / "node_modules"
