"""A user's mistake is answered with one line that says what happened and what to do, and exit status 1. Never a traceback."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from app.settings import where
from tests.app.command import Ran, here, journey, put, refused, touch

MAP = """
name: crm
touchpoints:
  - type: page_view
    id: "{Id}"
    subject: "user:{Person}"
    time: At
    data: {url: "{Url}"}
"""


NO_EVENTS = "holds no events that journey reads (CloudEvents, Segment calls or PostHog events):"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a good file of each kind, and no data yet."""
    put(tmp_path / "good.jsonl", touch())
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "crm.csv").write_text("Id,Person,At,Url\n1,7,2026-03-02T10:00:00Z,https://a.example/\n")
    return tmp_path


WORKBOOKS = ("xlsx", "numbers", "ods")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose data holds one touchpoint."""
    folder = tmp_path_factory.mktemp("kept")
    assert here("ingest", put(folder / "good.jsonl", touch(channel="Search")), cwd=folder).status == 0
    return folder


def test_where_there_is_no_data_it_says_what_puts_some_there_of_all_places(tmp_path: Path) -> None:
    said = refused(here("digest", cwd=tmp_path))
    assert said.endswith("; `journey ingest FILE` puts some there, `--data DIR` names another folder")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("ingest missing.jsonl", "missing.jsonl can't be read: No such file or directory"),
        ("ingest .", ". can't be read: Is a directory"),
        ("ingest good.jsonl missing.jsonl", "missing.jsonl can't be read"),
        ("ingest crm.csv", "crm.csv is CSV; say what its columns mean with --map FILE"),
        ("ingest packed.zip", "packed.zip is packed by zip; unpack it first"),
        *((f"ingest crm.{kind} --map map.yaml", f"crm.{kind} is a workbook, which is saved as CSV first") for kind in WORKBOOKS),
        (
            "ingest columns.txt",
            f"columns.txt {NO_EVENTS} columns.txt:1 is no event: not JSON: Extra data at line 1, column 2; rows of CSV are read with",
        ),
        ("ingest good.jsonl notes.txt", f"notes.txt {NO_EVENTS} notes.txt:1 is no event: not JSON: Expecting value at line 1, column 1"),
        ("ingest good.jsonl other.json", f"other.json {NO_EVENTS} other.json:2[0] is an object of 'event_name', 'event_timestamp'"),
        ("ingest other.json --format segment", "other.json holds no Segment calls: other.json:2[0] is an object of 'event_name'"),
        (
            "ingest good.jsonl --format segment",
            "good.jsonl holds CloudEvents, not Segment calls; leave --format out, or say --format cloudevents",
        ),
        ("ingest calls.jsonl good.jsonl --format cloudevents", "calls.jsonl holds Segment calls, not CloudEvents; leave --format out"),
        ("ingest cut.jsonl --format posthog", "cut.jsonl holds CloudEvents, not PostHog events"),
        ("ingest good.jsonl --format segment --dry-run", "good.jsonl holds CloudEvents, not Segment calls"),
        ("ingest crm.csv --map missing.yaml", "missing.yaml can't be read: No such file or directory"),
        ("ingest crm.csv --map .", ". can't be read: Is a directory"),
        ("ingest crm.csv --map no-yaml.yaml", "no-yaml.yaml:"),
        (
            "ingest crm.csv --map misspelled.yaml",
            "misspelled.yaml:6: touchpoints, number 1: unknown key 'subjekt'; did you mean 'subject'?",
        ),
        ("ingest crm.csv --map column.yaml", "column.yaml:6: column 'Persona' is not in crm.csv; did you mean 'Person'?"),
        ("ingest - --map map.yaml", "a map goes by the names of files, and standard input has none"),
        ("ingest crm.csv --map map.yaml --format segment", "--map reads CSV, and --format says what files of JSON hold"),
        ("ingest good.jsonl --data good.jsonl", "good.jsonl can't be used as a data folder: File exists"),
        ("ingest good.jsonl --data good.jsonl/below", "good.jsonl/below can't be used as a data folder: Not a directory"),
        ("report marketing", "there is no data in journey-data (/"),
        ("report sales --data elsewhere", "there is no data in elsewhere"),
        ("report sales --data good.jsonl", "there is no data in good.jsonl"),
        ("timeline user:7", "there is no data in journey-data"),
        ("digest", "there is no data in journey-data"),
        ("dead-letters", "there is no data in journey-data"),
        ("definition show", "there is no data in journey-data"),
        ("definition check missing.yaml", "missing.yaml can't be read: No such file or directory"),
        ("definition use missing.yaml", "missing.yaml can't be read: No such file or directory"),
        ("definition use no-yaml.yaml", "no-yaml.yaml:"),
        ("retract --import 9 --reason x --data typo", "there is no data in typo (/"),
        ("dead-letters dismiss 1 --reason x --data typo", "there is no data in typo (/"),
        ("dead-letters fix 1 --body good.jsonl --data typo", "there is no data in typo (/"),
        ("dead-letters requeue --all --data typo", "there is no data in typo (/"),
        ("dead-letters set-aside --partition 0 --offset 1 --reason x --data typo", "there is no data in typo (/"),
        ("rebuild all --data typo", "there is no data in typo (/"),
        ("demo --data .", ". is not empty and was not made by the demo; name another folder with --data"),
        ("demo --data good.jsonl", "good.jsonl can't be used for the demo: Not a directory"),
        ("simulate --start yesterday", "--start 'yesterday' is no day; write 2026-03-31"),
        ("simulate --start 0001-01-01", "start is 0001-01-01; it has to lie in the years"),
        ("simulate --days 100000", "days is 100000; a world is played for 1 to"),
        ("simulate --late much", "--late 'much' is no share; write 5% or 0.05"),
        ("simulate --duplicates 101%", "--duplicates '101%' is not between 0% and 100%"),
        ("simulate --broken nan", "--broken 'nan' is not between 0% and 100%"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_leaves_nothing_behind(desk: Path, arguments: str, told: str) -> None:
    put(desk / "calls.jsonl", *(b'{"type": "track", "messageId": "m-1", "anonymousId": "a"}' for _ in range(30)))
    put(desk / "cut.jsonl", touch()[:60])
    put(desk / "columns.txt", b"1,7,2026-03-02T10:00:00Z")
    put(desk / "packed.zip", b"PK\x03\x04rest")
    for kind in WORKBOOKS:
        put(desk / f"crm.{kind}", b"PK\x03\x04rest")
    put(desk / "notes.txt", *(b"once upon a time" for _ in range(30)))
    put(desk / "other.json", b"[", *(b'{"event_name": "purchase", "event_timestamp": 1772355600000000},' for _ in range(30)), b"{}]")
    (desk / "no-yaml.yaml").write_text("a: [1")
    (desk / "misspelled.yaml").write_text(MAP.replace("subject:", "subjekt:"))
    (desk / "column.yaml").write_text(MAP.replace("{Person}", "{Persona}"))
    assert refused(here(*arguments.split(), cwd=desk)).startswith(told)
    assert not (desk / "journey-data").exists()
    assert not (desk / "typo").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("timeline user:8", "nothing is known of 'user:8'"),
        ("timeline 7", "'7' is no subject; one is written like user:42, anon:9f3c or deal:12"),
        ("timeline foo:7", "'foo:7' is no subject; one is written like user:42"),
        ("explain 7", "'7' is no subject; one is written like user:42"),
        ("timeline user:", "'user:' is no subject; one is written like user:42"),
        ("dead-letters show 1", "there is no dead letter 1"),
        ("dead-letters show one", "'one' is no number of a dead letter"),
        ("dead-letters show c1", "there is no conflict c1"),
        ("dead-letters --json show 1", "options go last: journey dead-letters show"),
        ("report sales --until yesterday", "--until 'yesterday' is no time; write 2025-06-30 or 2025-06-30T12:00:00Z"),
        ("report marketing --until 2026-02-30", "--until '2026-02-30' is no time"),
        ("timeline user:7 --until 2026-03-02T10:00:00", "--until '2026-03-02T10:00:00' has no zone; write 2026-03-02T10:00:00Z for UTC"),
        ("report sales decidd", "sales has no section 'decidd'; did you mean 'decided'? There are leads, "),
        ("report sales audience", "sales has no section 'audience'; there are leads, "),
        ("report sales win_rate", "sales has no section 'win_rate'; win_rate is a figure of the section decided of sales"),
        ("report sales --by ownr", "no figure of the sales report has a dimension 'ownr'; did you mean 'owner'? There are "),
        ("report sales decided --by answer", "no figure of decided has a dimension 'answer'; there are owner, team, "),
        ("report sales --by rule,pipeline", "no figure of the sales report has all of rule, pipeline"),
        ("report sales --by owner,owner", "owner, owner: a figure is broken down by each dimension once"),
        ("report sales --by month,week", "month, week: a figure is broken down by one kind of period at most"),
        ("report marketing --where channel=Serach", "there is no channel 'Serach'; did you mean 'Search'? There are Search"),
        ("report sales --where owner", "--where 'owner' is no filter; write it as owner=anna"),
        ("report sales --where month=2026-03", "month is a period, and no filter: a figure is of one where from"),
        ("report sales --from 2026-13-01", "--from '2026-13-01' is no day; write 2026-03-31"),
        ("report sales --from 2026-03-02 --to 2026-03-02", "there is no day from 2026-03-02 to 2026-03-02"),
        ("report sales --currency EURO", "--currency 'EURO' is no currency; did you mean 'EUR'?"),
        ("report sales --json --csv", "--json and --csv are two ways to print it; give one of them"),
        ("figures winrate", "there is no figure 'winrate'; did you mean 'win_rate'?"),
        ("report marketing --until 9999-12-31", "--until '9999-12-31' is not between 1970 and 9998"),
        ("report marketing --until 0001-01-01T00:00:00+14:00", "--until '0001-01-01T00:00:00+14:00' is not between 1970 and 9998"),
    ],
)
def test_a_question_that_has_no_answer_is_refused_in_one_line(kept: Path, arguments: str, told: str) -> None:
    assert refused(here(*arguments.split(), cwd=kept)).startswith(told)


@pytest.mark.parametrize(
    "arguments",
    [
        "report finance",
        "report marketing --until",
        "fly",
        "ingest",
        "digest --jsn",
        "dead-letters bury",
        "dead-letters show",
        "dead-letters list 1",
        "dead-letters dismiss 1",
    ],
)
def test_what_is_no_command_of_ours_exits_2(kept: Path, arguments: str) -> None:
    ran = here(*arguments.split(), cwd=kept)
    assert (ran.status, ran.raw) == (2, b"")
    assert ran.err
    assert "Traceback" not in ran.err


# --- what is wrong with the data


@pytest.fixture
def broken(kept: Path, tmp_path: Path) -> Path:
    """A copy of good data, to be broken."""
    shutil.copytree(kept / "journey-data", tmp_path / "journey-data")
    return tmp_path


def asked_and_written(folder: Path) -> list[Ran]:
    return [here("digest", cwd=folder), here("ingest", put(folder / "more.jsonl", touch(id="2")), cwd=folder)]


def test_a_record_that_is_no_database_is_refused(broken: Path) -> None:
    for log in broken.glob("journey-data/*-wal"):
        log.unlink()
    (broken / "journey-data" / "journey.db").write_bytes(b"once upon a time " * 1000)
    for ran in asked_and_written(broken):
        assert "not a database" in refused(ran)


def test_a_database_that_is_damaged_inside_is_refused(broken: Path) -> None:
    path = broken / "journey-data" / "journey.db"
    db = sqlite3.connect(path)
    (size,) = db.execute("PRAGMA page_size").fetchone()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with path.open("r+b") as file:
        file.seek(size)
        file.write(b"\xff" * (path.stat().st_size - size))
    for ran in asked_and_written(broken):
        assert "malformed" in refused(ran)


def test_data_of_a_newer_version_is_refused(broken: Path) -> None:
    db = sqlite3.connect(broken / "journey-data" / "journey.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for ran in asked_and_written(broken):
        assert "written by a newer version of journey" in refused(ran)


def test_a_read_model_that_was_deleted_is_derived_again(broken: Path) -> None:
    before = here("digest", "--json", cwd=broken).json
    for path in broken.glob("journey-data/marketing.db*"):
        path.unlink()
    assert "marketing.db" in refused(here("digest", cwd=broken))
    assert here("ingest", put(broken / "none.jsonl"), cwd=broken).status == 0
    assert here("digest", "--json", cwd=broken).json == before


def as_a_plain_user(*arguments: str | Path, cwd: Path) -> Ran:
    """The real command, which root would be let through by every lock: so without that power of root's."""
    powers = "-dac_override,-dac_read_search"
    without = ("setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}") if os.geteuid() == 0 else ()
    if without and shutil.which(without[0]) is None:
        pytest.skip("root can read and write everything here")
    return journey(*arguments, cwd=cwd, before=without)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("ingest locked.jsonl", "locked.jsonl can't be read: Permission denied"),
        ("ingest crm.csv --map locked.jsonl", "locked.jsonl can't be read: Permission denied"),
        ("ingest good.jsonl --data locked", "locked can't be used as a data folder: Permission denied"),
        ("report sales --data locked", "locked/journey.db: Permission denied"),
        ("definition check locked.jsonl", "locked.jsonl can't be read: Permission denied"),
    ],
)
def test_what_may_not_be_read_or_written_is_refused(desk: Path, arguments: str, told: str) -> None:
    put(desk / "locked.jsonl", touch()).chmod(0)
    (desk / "locked").mkdir(mode=0)
    assert refused(as_a_plain_user(*arguments.split(), cwd=desk)) == told


# --- two ways to run


KAFKA, POSTGRES = "localhost:9092", "postgresql://localhost/journey"


@pytest.mark.parametrize(
    ("env", "arguments", "told"),
    [
        ({"JOURNEY_KAFKA": KAFKA}, "digest", "JOURNEY_KAFKA is set and JOURNEY_POSTGRES is not"),
        ({"JOURNEY_POSTGRES": POSTGRES}, "digest", "JOURNEY_POSTGRES is set and JOURNEY_KAFKA is not"),
        (
            {"JOURNEY_KAFKA": "localhost", "JOURNEY_POSTGRES": POSTGRES},
            "digest",
            "JOURNEY_KAFKA can't be read: Kafka's address is HOST:PORT",
        ),
        ({"JOURNEY_KAFKA": KAFKA}, "digest --data there", "JOURNEY_KAFKA is set and JOURNEY_POSTGRES is not"),
        (
            {"JOURNEY_KAFKA": KAFKA, "JOURNEY_POSTGRES": POSTGRES},
            "digest --data there",
            "there is a folder of embedded data, and JOURNEY_KAFKA",
        ),
    ],
)
def test_half_a_runtime_and_two_runtimes_are_refused(
    kept: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], arguments: str, told: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert refused(here(*arguments.split(), cwd=kept)).startswith(told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "user:S3CRET@kafka.example"),
        ("KAFKA", "user:S3CRET@kafka.example:9092"),
        ("KAFKA", "kafka.example:9092,sasl://user:S3CRET@kafka.example:9092"),
        ("POSTGRES", "postgresql://u:12/S3CRET@db.example/journey"),
        ("MARKETING", "host=db.example password=S3CRET"),
        ("SALES", "postgresql://u:S3CRET#w@db.example/journey"),
        ("POSTGRES", "postgresql://u:S3CRET\udce9@db.example/journey"),
        ("PASSWORD", "S3CRET\udce9"),
        ("PARTITIONS", "S3CRET"),
        ("SECURITY", "S3CRET"),
        ("PREFIX", "S3CRET/"),
        ("TOUCHPOINTS", "S3CRET touchpoints"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused_and_not_repeated(kept: Path, name: str, value: str) -> None:
    env = {"JOURNEY_KAFKA": KAFKA, "JOURNEY_POSTGRES": POSTGRES, f"JOURNEY_{name}": value}
    for arguments in ("digest --json", "audit"):
        told = refused(here(*arguments.split(), cwd=kept, **env))
        assert told.startswith(f"JOURNEY_{name} ")
        assert "S3CRET" not in told


@pytest.mark.parametrize("instance", ["w 1", "w\x1b[31m", "w\nworker w2 is at work", "w\u202e", "w/1", "..", "w" * 201])
def test_a_worker_goes_by_a_name_that_kafka_and_a_log_can_take(kept: Path, instance: str) -> None:
    ran = here("worker", cwd=kept, JOURNEY_KAFKA=KAFKA, JOURNEY_POSTGRES=POSTGRES, JOURNEY_INSTANCE=instance)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert " ERROR worker: JOURNEY_INSTANCE is no name for Kafka: up to 200 letters" in ran.err


def test_what_is_set_is_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KAFKA": KAFKA, "POSTGRES": "postgresql://u:S3CRET@db/j", "SALES": "postgresql://u:S3CRET@db/j",
        "USERNAME": "S3CRET", "PASSWORD": "S3CRET",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"JOURNEY_{name}", value)
    assert "S3CRET" not in repr(where(None))


def test_an_address_that_is_set_to_nothing_is_not_set(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEY_KAFKA", "")
    assert here("digest", cwd=kept).status == 0


def test_the_real_command_refuses_in_one_line_too(desk: Path) -> None:
    assert refused(journey("ingest", "missing.jsonl", cwd=desk)) == "missing.jsonl can't be read: No such file or directory"
