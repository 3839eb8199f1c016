"""`journey simulate` and `journey ingest`: what goes in counts once, in whatever form, order and number of tries it comes."""

import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from tests.app.command import COMMAND, environment, here, journey, put, refused, touch, wait_until, worked_out

SMALL = ("--customers", "60", "--days", "60")


def digest(cwd: Path, data: str = "journey-data") -> dict[str, str]:
    """The hashes. The position is not among them: it says in how many steps it came in."""
    answer = here("digest", "--json", "--data", data, cwd=cwd).json
    assert set(answer) == {"position", "marketing", "sales", "record"}
    return {name: answer[name] for name in ("marketing", "sales", "record")}


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated feed, in order, taken in."""
    folder = tmp_path_factory.mktemp("feed")
    (folder / "feed.jsonl").write_bytes(here("simulate", *SMALL, cwd=folder).raw)
    assert here("ingest", "feed.jsonl", cwd=folder).status == 0
    return folder


# --- simulating


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    simulated = journey("simulate", *SMALL, cwd=tmp_path)
    assert (simulated.status, simulated.err) == (0, "")
    assert here("simulate", *SMALL, cwd=tmp_path).raw == simulated.raw
    assert here("simulate", *SMALL, "--seed", "8", cwd=tmp_path).raw != simulated.raw
    first = orjson.loads(here("simulate", *SMALL, "--start", "2024-02-28", cwd=tmp_path).raw.splitlines()[0])
    assert first["time"].startswith("2024-02-28")


def test_shares_are_written_as_percent_or_as_a_fraction(tmp_path: Path) -> None:
    def spoiled(share: str) -> bytes:
        return here("simulate", *SMALL, "--duplicates", share, cwd=tmp_path).raw

    assert spoiled("10%") == spoiled("0.1")


# --- once


def test_what_simulate_writes_can_be_piped_into_ingest(feed: Path, tmp_path: Path) -> None:
    assert journey("ingest", "-", cwd=tmp_path, stdin=(feed / "feed.jsonl").read_bytes()).status == 0
    assert digest(tmp_path) == digest(feed)


def test_taken_in_twice_it_is_all_duplicates_and_changes_nothing(feed: Path, tmp_path: Path) -> None:
    sent = (feed / "feed.jsonl").read_bytes().splitlines()
    once = here("ingest", feed / "feed.jsonl", "--json", cwd=tmp_path).json
    assert (once["read"], once["accepted"], once["duplicates"], once["dead_letters"]) == (len(sent), len(sent), 0, {})
    before = digest(tmp_path)
    again = here("ingest", feed / "feed.jsonl", "--json", cwd=tmp_path).json
    assert (again["read"], again["accepted"], again["duplicates"]) == (len(sent), 0, len(sent))
    assert digest(tmp_path) == before


def test_late_doubled_shuffled_and_with_broken_records_in_between_it_gives_the_same_digest(feed: Path, tmp_path: Path) -> None:
    spoiled = here("simulate", *SMALL, "--late", "5%", "--duplicates", "5%", "--broken", "1%", "--shuffled", cwd=tmp_path)
    (tmp_path / "spoiled.jsonl").write_bytes(spoiled.raw)
    summary = here("ingest", "spoiled.jsonl", "--json", cwd=tmp_path).json
    assert summary["duplicates"] > 0
    assert summary["dead_lettered"] > 0
    assert digest(tmp_path) == digest(feed)


def test_one_touchpoint_that_counts_left_out_gives_another_digest(feed: Path, tmp_path: Path) -> None:
    lines = (feed / "feed.jsonl").read_bytes().splitlines()
    left_out = next(number for number, line in enumerate(lines) if b'"type":"page_view"' in line)
    put(tmp_path / "feed.jsonl", *lines[:left_out], *lines[left_out + 1 :])
    assert here("ingest", "feed.jsonl", cwd=tmp_path).status == 0
    assert digest(tmp_path)["marketing"] != digest(feed)["marketing"]


def test_several_files_and_parts_of_them_add_up(feed: Path, tmp_path: Path) -> None:
    lines = (feed / "feed.jsonl").read_bytes().splitlines()
    put(tmp_path / "first.jsonl", *lines[::2])
    put(tmp_path / "second.jsonl", *lines[1::2])
    assert here("ingest", "second.jsonl", "first.jsonl", cwd=tmp_path).status == 0
    assert digest(tmp_path) == digest(feed)


def writes(cwd: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether `process` holds the data of `cwd`."""
    lock = cwd / "journey-data" / "journey.lock"
    return lock.exists() and lock.read_text() == str(process.pid)


def test_an_ingest_that_is_killed_half_way_and_run_again_gives_the_same_digest(feed: Path, tmp_path: Path) -> None:
    sent = (feed / "feed.jsonl").read_bytes()
    with subprocess.Popen([*COMMAND, "ingest", "-"], cwd=tmp_path, env=environment(), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        # More than a batch takes, so that one is placed and the next is being read when it dies.
        process.stdin.write(sent * (1 + 30_000 // sent.count(b"\n")))
        process.stdin.flush()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert here("ingest", feed / "feed.jsonl", cwd=tmp_path).status == 0
    assert digest(tmp_path) == digest(feed)


def test_interrupted_it_says_what_is_kept_and_exits_130(feed: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "ingest", "-"], cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdin is not None
        wait_until(lambda: writes(tmp_path, process))
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.stderr is not None
        err = process.stderr.read().decode()
    assert (process.returncode, err.count("\n")) == (130, 1)
    assert "what was acknowledged is kept, and the same command goes on from there" in err


@pytest.mark.parametrize("asked", [(), ("--dry-run",)])
def test_a_query_that_is_interrupted_ends_without_a_word_and_nothing_was_imported(tmp_path: Path, asked: tuple[str, ...]) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "deals.csv").write_text("a\n1\n")
    (tmp_path / "map.yaml").write_text("""\
rows: {query: "SELECT sum(t.a) AS a FROM 'deals.csv', range(1000000000000) t(a), range(9)"}
touchpoints: [{type: deal_updated, subject: "deal:{a}", time: {at: "2026-03-01T09:00:00Z"}, data: {deal: "{a}"}}]
""")
    process = subprocess.Popen(
        [*COMMAND, "ingest", "deals.csv", "--map", "map.yaml", *asked],
        cwd=tmp_path, env=environment() | {"TMPDIR": str(scratch)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        wait_until(lambda: any(scratch.iterdir()))
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert (process.returncode, list(scratch.iterdir())) == (130, [])
    assert not (tmp_path / "journey-data").exists()


def test_a_second_process_that_wants_to_write_is_refused_with_the_pid_of_the_first_and_may_read(feed: Path, tmp_path: Path) -> None:
    assert here("ingest", feed / "feed.jsonl", cwd=tmp_path).status == 0
    with subprocess.Popen([*COMMAND, "ingest", "-"], cwd=tmp_path, env=environment(), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        wait_until(lambda: writes(tmp_path, process))
        told = refused(journey("ingest", feed / "feed.jsonl", cwd=tmp_path))
        assert told.startswith(f"journey-data is being written by process {process.pid}; one process writes at a time. End it first")
        assert here("report", "marketing", cwd=tmp_path).status == 0
        process.stdin.close()
    assert process.returncode == 0
    assert here("ingest", feed / "feed.jsonl", cwd=tmp_path).status == 0


# --- what people see


def test_the_summary_says_what_became_of_every_record(tmp_path: Path) -> None:
    put(
        tmp_path / "in.jsonl",
        touch(id="1", colour="blue"),
        touch(id="1", colour="blue"),
        touch(id="2", url="https://x.example/"),
        b"{",
        b"}",
    )
    ran = here("ingest", "in.jsonl", cwd=tmp_path)
    lines = dict(line.rsplit(maxsplit=1) for line in ran.out.splitlines())
    assert {name.strip(): number for name, number in lines.items()} == {
        "read": "5",
        "accepted": "2",
        "duplicates": "1",
        "conflicts": "0",
        "dead-lettered": "2",
        "not-json": "2",
        "fields kept that no type names": "1",
        "page_view.colour": "1",
    }
    taken_for, taken, kept = ran.err.splitlines(keepends=True)
    assert taken_for == "in.jsonl: CloudEvents\n"
    assert taken == "import 2: `journey retract --import 2 --reason WHY` takes it back\n"
    assert kept == "what is a dead letter or a conflict is kept; `journey dead-letters` lists it with the reasons\n"


def test_touchpoints_of_this_very_minute_can_be_asked_for(tmp_path: Path) -> None:
    moment = datetime.now(UTC)
    put(tmp_path / "in.jsonl", touch(at=moment.isoformat()))
    here("ingest", "in.jsonl", cwd=tmp_path)
    unasked = here("report", "marketing", cwd=tmp_path)
    assert "Who was reached, and what it cost: nothing yet." in unasked.out
    hint = unasked.err.split("--until ")[1].split()[0]
    assert worked_out("people", cwd=tmp_path, until=hint) == {(): 1}


# --- other forms


MAP = """
name: crm
touchpoints:
  - type: page_view
    subject: "user:{Person}"
    time: At
    data: {url: "{Url}", referrer: "{From}"}
"""


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    (tmp_path / "crm.yaml").write_text(MAP)
    (tmp_path / "crm.csv").write_text(
        "Person,At,Url,From\n7,2026-03-02T10:00:00Z,https://a.example/,\n7,2026-03-02T10:00:00Z,https://a.example/,\n8,someday,https://a.example/,\n"
    )
    return tmp_path


def test_a_dry_run_says_what_would_come_of_a_csv_and_takes_nothing_in(crm: Path) -> None:
    answer = here("ingest", "crm.csv", "--map", "crm.yaml", "--dry-run", "--json", cwd=crm).json
    assert answer["counts"] == {"page_view": 2}
    assert [(letters["first"], letters["count"]) for letters in answer["dead_letters"].values()] == [("crm.csv:4", 1)]
    assert answer["unfilled"] == ["page_view.referrer"]
    assert (answer["examples"]["page_view"]["subject"], answer["examples"]["page_view"]["time"]) == ("user:7", "2026-03-02T10:00:00Z")
    ran = here("ingest", "crm.csv", "--map", "crm.yaml", "--dry-run", cwd=crm)
    assert "page_view       2" in ran.out
    assert "page_view  user:7   2026-03-02T10:00:00Z  url https://a.example/" in ran.out
    assert "crm.csv:4" in ran.out
    assert "page_view: filled by no row: referrer" in ran.out
    assert ran.err == "nothing was taken in; leave --dry-run out to do it\n"
    assert not (crm / "journey-data").exists()
    strict = here("ingest", "crm.csv", "--map", "crm.yaml", "--dry-run", "--strict", cwd=crm)
    assert (strict.status, "1 of the records is a dead letter" in strict.err) == (1, True)


def test_a_csv_goes_in_by_its_map_once_however_often_it_is_sent(crm: Path) -> None:
    summary = here("ingest", "crm.csv", "--map", "crm.yaml", "--json", cwd=crm).json
    assert (summary["read"], summary["accepted"], summary["dead_lettered"]) == (3, 2, 1)
    before = digest(crm)
    assert here("ingest", "crm.csv", "--map", "crm.yaml", "--json", cwd=crm).json["duplicates"] == 2
    assert digest(crm) == before
    (letter,) = here("dead-letters", "--json", cwd=crm).json["dead_letters"]
    assert (letter["source"], letter["place"], letter["seen"]) == ("crm.csv", "crm.csv:4", 2)
    assert here("dead-letters", "show", "1", "--raw", cwd=crm).raw == b"8,someday,https://a.example/,"


def test_of_several_mistakes_in_a_map_the_first_is_told_and_a_dry_run_tells_all(crm: Path) -> None:
    head, rule = MAP.replace("user:", "robot:").split("touchpoints:\n")
    (crm / "bad.yaml").write_text(f"{head}touchpoints:\n{rule}{rule}")
    told = refused(here("ingest", "crm.csv", "--map", "bad.yaml", cwd=crm))
    assert told.startswith("bad.yaml:")
    assert told.endswith(" more: --dry-run lists them)")
    assert here("ingest", "crm.csv", "--map", "bad.yaml", "--dry-run", cwd=crm).err.count("\n") > 1


def test_an_ingest_ends_with_what_is_left_out_of_outside_events(tmp_path: Path) -> None:
    def call(id: str, event: str, **properties: object) -> bytes:
        said = {"type": "track", "messageId": id, "event": event, "anonymousId": "a", "timestamp": "2026-03-04T08:00:00Z"}
        return orjson.dumps(said | {"properties": properties})

    put(
        tmp_path / "calls.jsonl",
        call("1", "Order Completed", order_id="1", total=59.970000000000006, currency="EUR"),
        call("2", "Order Completed", order_id="2", total=448.753425, currency="EUR"),
        call("3", "Order Completed", total=5, currency="EUR"),
        call("4", "Song Played"),
        call("5", "Order Completed", order_id="5", total=100),
    )
    told = here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path).out
    assert "amounts rounded to their currency" in told
    assert "no order_placed: it says no order" in told
    assert "no touchpoint is named for it" in told
    (letter,) = here("dead-letters", "--json", cwd=tmp_path).json["dead_letters"]
    assert "default_currency" in letter["reason"]

    yaml = here("definition", "show", "--default", cwd=tmp_path).out.replace("default_currency: {}", "default_currency: {/segment: USD}")
    (tmp_path / "mine.yaml").write_text(yaml)
    assert here("definition", "use", "mine.yaml", cwd=tmp_path).status == 0
    again = here("ingest", "calls.jsonl", "--format", "segment", "--json", cwd=tmp_path).json
    assert (again["accepted"], again["rounded"]) == (1, 1)
    assert [one["event"] for one in again["left_out"]] == ["Order Completed", "Song Played"]
    assert worked_out("conversion_value_last", "conversion", cwd=tmp_path) == {("order", "EUR"): 50872, ("order", "USD"): 10000}


def test_calls_of_segments_go_in_and_a_bad_one_is_kept_with_its_line(tmp_path: Path) -> None:
    call = {
        "type": "page",
        "messageId": "m-1",
        "anonymousId": "a",
        "userId": "7",
        "timestamp": "2026-03-02T10:00:00Z",
        "properties": {"url": "https://a.example/"},
    }
    put(tmp_path / "calls.jsonl", orjson.dumps(call), b"", b"{ ", orjson.dumps(call))
    summary = here("ingest", "calls.jsonl", "--format", "segment", "--json", cwd=tmp_path).json
    assert (summary["accepted"], summary["dead_lettered"]) == (2, 1)
    (letter,) = here("dead-letters", "--json", cwd=tmp_path).json["dead_letters"]
    assert letter["place"] == "calls.jsonl:3"
    story = here("timeline", "anon:a", "--json", cwd=tmp_path).json
    assert story["ids"] == ["anon:a", "user:7"]
