"""The clients that people have publish as they are: each recipe of docs/publishing.md, run as it stands there."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from app.engine.embedded import reading
from tests.app.command import ROOT
from tests.app.server.doors import REFUSALS, Trouble, doors, started
from tests.services.npm import modules, node
from tests.services.processes import NoService

ADDRESS, USER = "http://localhost:8000", "u-7"

CLIENT_SECONDS_MAX = 120.0

_SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
_RECIPE = re.compile(r"```(python|js)\n(.*?)```", re.DOTALL)


def recipes() -> dict[str, str]:
    """The recipes of the page by whose client it is and its language."""
    page = (ROOT / "docs" / "publishing.md").read_text()
    found = {f"{name}-{language}": code for name, section in _SECTION.findall(page) for language, code in _RECIPE.findall(section)}
    assert set(found) == {
        f"{name}-{language}" for name in ("Segment", "RudderStack", "PostHog", "CloudEvents") for language in ("python", "js")
    }
    return found


@pytest.mark.slow
def test_each_event_is_in_the_record_once_whatever_befalls_the_server(tmp_path: Path) -> None:
    try:
        commands = {"python": [sys.executable, "-c"], "js": [node(), "-e"]}
        env = {**os.environ, "NODE_PATH": str(modules())}
    except NoService as reason:
        pytest.fail(str(reason), pytrace=False)
    told = recipes()
    with started(tmp_path) as server:
        trouble = Trouble(server, len(told))
        with doors(trouble, list(told)) as made:
            running = {}
            for client, code in told.items():
                assert ADDRESS in code
                said = code.replace(ADDRESS, made[client].address).replace(USER, f"u-{client}").replace("WRITE_KEY", server.key)
                command = [*commands[client.partition("-")[2]], said]
                running[client] = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                for client, process in running.items():
                    output, _ = process.communicate(timeout=CLIENT_SECONDS_MAX)
                    assert process.returncode == 0, f"{client}: {output.decode()}"
                    answers = [status for _, status in made[client].knocks]
                    assert answers[:REFUSALS] == [503] * REFUSALS, f"{client}: {made[client].knocks} {output.decode()}"
                    assert Counter(answers[REFUSALS:]).keys() == {0, 200}, f"{client}: {made[client].knocks} {output.decode()}"
                    assert answers.count(0) == 1
            finally:
                for process in running.values():
                    process.kill()
                    process.communicate()
        assert trouble.killed == 1
        server.end(signal.SIGTERM)
        assert in_record(tmp_path / "journey-data") == {f"user:u-{client}": Counter(["signed_up", "profile_updated"]) for client in told}


def in_record(folder: Path) -> dict[str, Counter[str]]:
    """Of each subject, the types of its touchpoints: each once, however often it was sent."""
    found: dict[str, Counter[str]] = {}
    with reading(folder) as engine:
        # What says the same at another time, as the sender's clock is put right at each try, is the same touchpoint.
        for subject, body in engine.record.db.execute("SELECT subject, body FROM touchpoints GROUP BY subject, source, id, digest"):
            found.setdefault(subject, Counter())[orjson.loads(body)["type"]] += 1
        assert engine.record.db.execute("SELECT COUNT(*) FROM dead_letters").fetchone() == (0,)
    return found
