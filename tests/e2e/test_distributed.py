"""The distributed runtime, whole: real workers, Kafka and PostgreSQL. It answers as the embedded one, through any trouble."""

import asyncio
import contextlib
import gzip
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.engine import distributed
from app.settings import Servers, where
from schemas.incoming import Incoming
from tests.app.command import ROOT, here, journey
from tests.e2e.workers import Place, embedded_digest, placed, simulated
from tests.services.processes import run_whole
from tests.services.service import Service
from tests.streams.kafka.clients import until

SCRIPT_SECONDS_MAX = 280.0


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def test_a_file_comes_to_the_embedded_digest_and_again_changes_nothing(place: Place, tmp_path: Path):
    lines = simulated(120, broken=0.01)
    expected = embedded_digest(lines, tmp_path)
    place.start("w1")
    first = place.command("ingest", "touchpoints.jsonl", "--json").json
    assert first["read"] == len(lines)
    assert first["accepted"] + first["duplicates"] + first["dead_lettered"] == len(lines)
    assert place.digest() == expected
    again = place.command("ingest", "touchpoints.jsonl", "--json").json
    assert (again["accepted"], again["duplicates"]) == (0, first["accepted"] + first["duplicates"])
    assert place.digest() == expected
    letters = place.command("dead-letters", "--json").json
    assert sum(code["letters"] for code in letters["codes"].values()) == len(letters["dead_letters"]) > 0
    assert all(letter["place"].startswith("touchpoints.jsonl:") for letter in letters["dead_letters"])
    (tmp_path / "calls.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ids_that_are_none_and_a_shared_device())))
    calls = ("ingest", "calls.jsonl", "--format", "segment")
    told = place.command(*calls, "--json").json
    assert (told["no_ids"], told["held"], told["dead_letters"]) == ({"anonymousId": 1, "userId": 1}, 1, {"no-id": 1})
    embedded = here(*calls, "--json", "--data", "calls", cwd=tmp_path).json
    assert {**told, "import": 0} == {**embedded, "import": 0}
    again, as_embedded = place.command(*calls), here(*calls, "--data", "calls", cwd=tmp_path)
    assert again.out == as_embedded.out
    tried = ("ingest", "calls.jsonl", "--dry-run", "--json")
    assert place.command(*tried).json == here(*tried, "--data", "calls", cwd=tmp_path).json
    # Packed, and its last bytes are missing: all that it says is there, and that it may not be all.
    (tmp_path / "calls.json.gz").write_bytes(gzip.compress(b"[%b]" % (tmp_path / "calls.jsonl").read_bytes().replace(b"\n", b","))[:-4])
    packed = ("ingest", "calls.json.gz", "--json")
    for told in (place.command(*packed), here(*packed, "--data", "calls", cwd=tmp_path)):
        assert (told.json["accepted"], told.json["dead_letters"]) == (0, {"no-id": 1, "unmapped": 1})
    (cut,) = (letter for letter in place.command("dead-letters", "--json").json["dead_letters"] if letter["place"] == "calls.json.gz")
    assert cut["bytes"] == 0
    assert "ends before its end" in cut["reason"]


def ids_that_are_none_and_a_shared_device() -> Iterator[dict[str, Any]]:
    """Segment's calls: one whose user is none, one of which no id is left, and a browser that two users log in with."""
    for nth, (anonymous, user) in enumerate([("a-1", "undefined"), ("null", "0"), ("a-2", "u-1"), ("a-2", "u-2")]):
        call = {"type": "identify", "messageId": f"m-{nth}", "anonymousId": anonymous, "userId": user, "traits": {"plan": "free"}}
        yield call | {"timestamp": f"2026-03-0{nth + 1}T09:00:00Z"}


def test_the_past_is_told_as_it_was(place: Place, tmp_path: Path):
    lines = simulated(40)
    (tmp_path / "first.jsonl").write_bytes(b"\n".join(lines[::2]))
    (tmp_path / "rest.jsonl").write_bytes(b"\n".join(lines[1::2]))
    place.start("w1")
    place.command("ingest", tmp_path / "first.jsonl")
    asked = ("--until", "2025-03-31", "--json")
    someone = Counter(subject for line in lines if (subject := orjson.loads(line)["subject"]).startswith("user:")).most_common(1)[0][0]
    questions = [("report", "sales"), ("report", "marketing"), ("timeline", someone), ("explain", someone)]
    position, saved = _answers(place, questions, asked)
    behind = place.command("why", "stage_entries", *asked).json
    place.command("ingest", tmp_path / "rest.jsonl")
    last = str(place.command("digest", "--json").json["position"])
    assert [place.command(*question, *asked).json for question in questions] != saved
    assert [_told(place.command(*question, *asked, "--known-at", position).json) for question in questions] == [*map(_told, saved)]
    assert place.command("timeline", someone, *asked, "--between", position, last).json["differences"]
    assert behind["agrees"]
    assert place.command("why", "stage_entries", *asked, "--known-at", position).json["units"] == behind["units"] != []


def test_reports_funnels_and_segments_are_those_of_the_embedded_runtime(place: Place, tmp_path: Path):
    text = here("definition", "show", "--default", cwd=tmp_path).out
    (tmp_path / "mine.yaml").write_text(text.replace("segments: {}", "segments: {readers: {types: content_view}, open: {stage: decision}}"))
    (tmp_path / "touchpoints.jsonl").write_bytes(b"\n".join(simulated(150)))
    place.start("w1")
    for run in (place.command, lambda *arguments: here(*arguments, "--data", "embedded", cwd=tmp_path)):
        assert run("definition", "use", "mine.yaml").status == 0
        assert run("ingest", "touchpoints.jsonl").status == 0
    for question in (
        ("report", "marketing"), ("report", "sales"), ("report", "marketing", "demand", "--by", "segment,month"),
        ("funnel", "lead,demo:optional,won", "--within", "60d"), ("segment", "readers"), ("segment", "open", "--csv"),
    ):  # fmt: skip
        form = () if "--csv" in question else ("--json",)
        both = (place.command(*question, *form, *ASKED), here(*question, *form, *ASKED, "--data", "embedded", cwd=tmp_path))
        one, other = (_told(ran.json, "position") if form else ran.out for ran in both)
        assert one == other, question


ASKED = ("--until", "2025-04-15")


def _answers(place: Place, questions: list[tuple[str, ...]], asked: tuple[str, ...]) -> tuple[str, list[dict[str, Any]]]:
    """The answers, all at one position, and which: after an ingest the scheduler announces what has struck, in a unit of its own."""
    for _ in range(5):
        answers = [place.command(*question, *asked).json for question in questions]
        positions = {position for answer in answers for position in _positions(answer)}
        if len(positions) == 1:
            return str(positions.pop()), answers
    raise AssertionError(f"nothing was ingested, and the position kept changing: {positions}")


def _positions(answer: Any) -> Iterator[int]:
    """Of a timeline, or of all answers of a report."""
    if "sections" not in answer:
        yield answer["position"]
    else:
        yield from (one["position"] for section in answer["sections"] for one in section["answers"])


def _told(answer: Any, without: str = "known_at") -> Any:
    """Without the position that it was asked as known at, or that it reflects."""
    if isinstance(answer, dict):
        return {name: _told(value, without) for name, value in answer.items() if name != without}
    return [_told(one, without) for one in answer] if isinstance(answer, list) else answer


def test_the_readmes_command_shows_one_digest_through_trouble(kafka: Service, postgres: Service, tmp_path: Path):
    """Embedded; distributed; and shuffled and doubled, while workers are killed with -9 and others join and leave."""
    environment = {"CUSTOMERS": "150", "PYTHON": sys.executable, "JOURNEY_KAFKA": kafka.address, "JOURNEY_POSTGRES": postgres.address}
    script = [ROOT / "examples" / "one-digest-distributed.sh"]
    said = run_whole(script, timeout=SCRIPT_SECONDS_MAX, cwd=tmp_path, env={**os.environ, **environment})
    output = said.stdout.decode()
    assert said.returncode == 0, output + said.stderr.decode()
    through_trouble = re.search(r"10 kills -9 \((\d+) while records were waiting\), 5 rebalances; lost 0, doubled 0\n", output)
    assert through_trouble, output
    assert int(through_trouble[1]) > 0, "no kill hit a worker that had records waiting"
    assert output.endswith("all digests are equal; lost 0, doubled 0\n")


def test_each_part_of_the_work_can_be_a_worker_of_its_own(place: Place, tmp_path: Path):
    lines = simulated(40)
    expected = embedded_digest(lines, tmp_path)
    for part in ("placement", "marketing", "sales"):
        place.start(part, "--only", part)
    assert place.command("ingest", "touchpoints.jsonl", "--json").json["accepted"] == len(lines)
    assert place.digest() == expected


async def test_an_ingest_that_no_worker_places_says_so_and_goes_on_when_one_comes(place: Place, monkeypatch: pytest.MonkeyPatch):
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "QUIET_SECONDS_MAX", 0.2)
    servers, lines, said = where(None), simulated(5), list[str]()
    assert isinstance(servers, Servers)
    async with distributed.opened(servers, said.append) as engine:
        ingest = asyncio.create_task(engine.ingest(Incoming(line, "test", "test") for line in lines))

        async def asks() -> bool:
            return any("is a worker at work? `journey worker` starts one" in one for one in said)

        await until(asks, "the ingest to ask for a worker")
        place.start("w1")
        summary = await asyncio.wait_for(ingest, 60)
    assert summary.accepted == len(lines)


def test_a_worker_ends_in_good_order_and_listens_to_nobody(place: Place):
    place.start("w1")
    place.at_work("w1")
    pid = place.workers["w1"].pid
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # Closed meanwhile.
            inodes.add(link.readlink().name)
    assert any(name.startswith("socket:") for name in inodes)
    listening = {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    assert inodes.isdisjoint(listening)
    assert place.kill("w1", signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"JOURNEY_POSTGRES": "postgresql://nobody:wrong@{postgres}/nowhere"}, "refuses us"),
        ({"JOURNEY_POSTGRES": "not an address"}, "JOURNEY_POSTGRES can't be read"),
        ({"JOURNEY_KAFKA": "127.0.0.1"}, "JOURNEY_KAFKA can't be read"),
    ],
    ids=["wrong credentials", "no address", "a broker without a port"],
)
def test_a_wrong_address_or_credentials_is_one_line_and_exit_1(place: Place, postgres: Service, changed: dict[str, str], says: str):
    server = postgres.address.rpartition("@")[2].partition("/")[0]
    wrong = {name: value.format(postgres=server) for name, value in changed.items()}
    ran = journey("worker", cwd=place.folder, **{**place.env, **wrong})
    assert ran.status == 1
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_dead_letters_put_right_and_sent_again_through_kafka_count_as_if_right_from_the_start(place: Place, tmp_path: Path):
    lines = simulated(40)
    expected = embedded_digest(lines, tmp_path)
    zoneless = lines[5].replace(b'Z"', b'"', 1)
    assert zoneless != lines[5]
    (tmp_path / "broken.jsonl").write_bytes(b"\n".join([*lines[:5], zoneless, lines[6][:-1], b"no touchpoint", *lines[7:]]) + b"\n")
    place.start("w1")
    assert place.command("ingest", "broken.jsonl", "--json").json["dead_lettered"] == 3
    numbers = {one["place"]: one["number"] for one in place.command("dead-letters", "--json").json["dead_letters"]}
    first, second, noise = (numbers[f"broken.jsonl:{line}"] for line in (6, 7, 8))
    for number, line in ((first, lines[5]), (second, lines[6])):
        (tmp_path / "fix.json").write_bytes(line)
        assert place.command("dead-letters", "fix", str(number), "--body", "fix.json", "--actor", "ann").status == 0
    done = place.command("dead-letters", "requeue", "--all", "--actor", "ann", "--json").json
    assert (done["sent"], done["in"], [one["number"] for one in done["still_unreadable"]]) == (3, 2, [noise])
    assert place.digest() == expected
    again = place.command("dead-letters", "requeue", *map(str, (first, second, noise)), "--json").json
    assert (again["sent"], again["in"], again["in_before"]) == (1, 0, [first, second])
    assert place.command("dead-letters", "dismiss", str(noise), "--reason", "noise", "--actor", "bob", "--json").json == {"dismissed": 1}
    assert place.digest() == expected
    letters = {one["number"]: one for one in place.command("dead-letters", "--json").json["dead_letters"]}
    assert [(letters[number]["state"], letters[number]["seen"]) for number in (first, second, noise)] == [
        ("requeued", 1), ("requeued", 1), ("dismissed", 1),
    ]  # fmt: skip
    assert place.command("dead-letters", "show", str(first), "--raw").raw == zoneless
    told = place.command("audit", "--after", "1", "--json").json["decisions"]
    assert [(one["actor"], one["action"]) for one in told if one["actor"] in ("ann", "bob")] == [
        ("ann", "fix"), ("ann", "fix"), ("ann", "requeue"), ("bob", "dismiss"),
    ]  # fmt: skip
