"""How the command behaves at a terminal and in a pipe: tables that fit, progress only where it is seen, quiet when nobody reads on."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from app.text import printing
from tests.app.command import COMMAND, SECONDS_MAX, Ran, environment, here, journey, put, refused, touch

END_SHOWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_terminal(*arguments: str, cwd: Path, columns: int = 80) -> str:
    """What a terminal of that width shows of the command's two streams, colours and cursor moves taken out."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = environment(TERM="xterm-256color")
    with subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        shown = b""
        try:
            while some := os.read(ours, 65_536):
                shown += some
        except OSError:
            pass  # On Linux, that is how a terminal ends.
        os.close(ours)
    assert process.returncode == 0, shown
    return END_SHOWN.sub("", shown.decode()).replace("\r\n", "\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated company large enough to have a row of everything."""
    folder = tmp_path_factory.mktemp("world")
    far = folder / "what came from the shop in the first half of the year"
    far.mkdir()
    (far / "feed.jsonl").write_bytes(here("simulate", "--customers", "500", "--broken", "1%", cwd=folder).raw)
    assert here("ingest", far / "feed.jsonl", cwd=folder).status == 0
    return folder


QUESTIONS = {
    "marketing": ("report", "marketing", "--until", "2025-06-29"),
    "sales": ("report", "sales", "--until", "2025-06-29"),
    "dead letters": ("dead-letters",),
    "imports": ("imports",),
}


@pytest.mark.parametrize("columns", [80, 110, 200])
@pytest.mark.parametrize("arguments", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_tables_fit_and_no_row_is_broken_over_two_lines(
    world: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], columns: int
) -> None:
    # Where it is used first: a module that is imported while another is changed would keep the change.
    for module in ("app.commands.imports", "app.text.dry_run", "app.text.reports", "app.text.printing"):
        monkeypatch.setattr(f"{module}.at_terminal", lambda: True)
    monkeypatch.setattr("app.text.printing.out._width", columns)
    lines = here(*arguments, cwd=world).out.splitlines()
    assert max(map(len, lines)) <= columns
    # A row that was broken goes on in a line that starts with blanks; so do figures and their names, further currencies, and headings
    # above their rule.
    headings = {line for nth, line in enumerate(lines) if any(one.startswith("──") for one in lines[nth + 1 : nth + 5])}
    named = {line for above, line in pairwise(lines) if re.search(r"   -?\d", above)}
    ours = headings | named
    broken = [line for line in lines if line.startswith("   ") and line not in ours and not re.search(r"[A-Z]{3}$|   -?\d", line)]
    assert broken == []


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1", "COLUMNS": "40"}])
@pytest.mark.parametrize("arguments", [*QUESTIONS.values(), ("audit",)])
def test_in_a_pipe_nothing_of_a_table_is_cut_left_out_or_wrapped(
    world: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    long = "no such day in the calendar " * 10
    put(world / "long.jsonl", touch(id=long).replace(b"10:00:00Z", b"99:00:00Z"))
    here("ingest", "long.jsonl", cwd=world)
    here("definition", "use", "default", "--reason", long, cwd=world)
    told = END_SHOWN.sub("", journey(*arguments, cwd=world, **environment).out)
    if arguments != ("dead-letters",):
        assert "…" not in told
    else:
        reasons = [one["reason"] for one in here("dead-letters", "--state", "open", "--json", cwd=world).json["dead_letters"]]
        assert all(reason in told for reason in reasons)


def test_a_narrow_list_of_imports_still_says_which_file_and_read_as_what(world: Path) -> None:
    shown = at_terminal("imports", cwd=world)
    assert re.search(r"^ +\d+  20\d\d-.* cloudevents · feed\.jsonl$", shown, re.MULTILINE), shown
    assert "first half of the year/feed.jsonl" in journey("imports", cwd=world).out
    name = f"{'a-long-name-' * 8}2026-03.jsonl"
    put(world / name, touch())
    here("ingest", name, cwd=world)
    shown = at_terminal("imports", cwd=world, columns=110)
    assert re.search(r"^number .* accepted .*\n.*\n(.*\n)* +\d+  .* 1  cloudevents · a-long-name-.*…$", shown, re.MULTILINE), shown
    assert name in journey("imports", cwd=world).out


def test_a_dry_run_in_a_pipe_shows_all_of_a_touchpoint_and_a_terminal_its_beginning(tmp_path: Path) -> None:
    fields = {f"trait_{number}": str(number) * 80 for number in range(14)}
    put(tmp_path / "in.jsonl", touch("profile_updated", traits=fields))
    told = journey("ingest", "in.jsonl", "--dry-run", cwd=tmp_path).out
    assert all(one in told for one in fields.values())
    assert "…" in at_terminal("ingest", "in.jsonl", "--dry-run", cwd=tmp_path)


def test_a_terminal_of_80_columns_shows_whole_tables(world: Path) -> None:
    shown = at_terminal("report", "marketing", "--until", "2025-06-29", cwd=world)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Organic Search" in shown
    # Titles of content are long.
    before, _, after = shown.partition("\nContent\n")
    assert "…" not in before + after.partition("\nStages")[2]


def test_columns_that_do_not_fit_stand_in_a_table_below(world: Path) -> None:
    asked = ("report", "marketing", "value", "--by", "channel", "--until", "2025-06-29")
    narrow = at_terminal(*asked, cwd=world, columns=50).splitlines()
    assert max(map(len, narrow)) <= 50
    assert [line.split()[0] for line in narrow if line.startswith("channel ")] == ["channel"] * 2
    wide = at_terminal(*asked, cwd=world, columns=120)
    assert {word for line in narrow for word in line.split() if "EUR" in line} <= {*wide.split()}


SHOP_ORDER = "o-1-of-the-second-shop"
UNTIL = ("--until", "2026-03-31")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lead that was answered in time, an e-mail and a direct visit, an order that was paid back. March is closed, then an order came."""
    folder = tmp_path_factory.mktemp("small")
    lead = {"lead": "lead-1", "owner": "ann"}
    order = {"order": "o-1", "amount": "50.00", "currency": "EUR"}
    put(
        folder / "in.jsonl",
        touch(id="v1", channel="Email", campaign="spring", at="2026-03-01T10:00:00Z"),
        touch(id="v2", channel="Direct", campaign="", at="2026-03-02T09:00:00Z"),
        touch("lead_assigned", id="a1", team="north", due_at="2026-03-02T12:00:00Z", at="2026-03-02T10:00:00Z", **lead),
        touch("lead_accepted", id="a2", at="2026-03-02T11:00:00Z", **lead),
        touch("order_placed", id="o1", at="2026-03-02T13:00:00Z", **order),
        touch("refund", id="r1", at="2026-03-09T13:00:00Z", **order),
    )
    order |= {"order": "o-2", "amount": "400.00"}
    put(folder / "late.jsonl", touch("order_placed", id=SHOP_ORDER, at="2026-03-12T13:00:00Z", **order))
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    assert here("period", "close", "2026-03", "--reason", "The books are closed", cwd=folder).status == 0
    assert here("ingest", "late.jsonl", cwd=folder).status == 0
    return folder


def test_zero_is_an_answer_and_not_a_lack_of_data(small: Path) -> None:
    handoff = here("report", "sales", "handoff", *UNTIL, cwd=small).out
    assert re.search(r"^ +1 +0 +100\.0%\n +leads handed over +leads breached +within sla$", handoff, re.MULTILINE), handoff
    assert re.search(r"^north +1 +· +100\.0%", handoff, re.MULTILINE), handoff
    assert "no leads breached" not in handoff
    assert "no time to assign: nothing up to then counts. From MQL to the first assignment, in wall time, " in handoff
    asked = ("--by", "campaign", "--where", "campaign=spring", "--from", "2026-03-01", "--to", "2026-04-02")
    audience = here("report", "marketing", "audience", *asked, *UNTIL, cwd=small).out
    assert re.search(r" touchpoints +lead +spend\n─+\nspring +1 +1 +1 +1 +100\.0% +·$", audience, re.MULTILINE), audience
    assert "up to then counts" not in audience


def test_money_of_one_table_is_written_alike(small: Path) -> None:
    told = here("report", "marketing", "orders", *UNTIL, cwd=small).out
    assert "450.00 EUR" in told
    assert set(re.findall(r"\d+(\.\d\d)? EUR", told)) == {".00"}


def test_a_period_that_does_not_touch_how_things_stand_says_so(small: Path) -> None:
    told = here("report", "sales", "scores", "handoff", "--from", "2026-03-01", *UNTIL, cwd=small).out.splitlines()
    assert "Open leads and their scores · as of the end of 2026-03-31" in told
    assert "What sales answers, and how soon" in told


def test_several_values_are_asked_for_one_by_one_as_the_refusal_says(small: Path) -> None:
    told = refused(here("report", "marketing", "audience", "--where", "channel=Email,Direct", cwd=small))
    each = "--where channel=Email --where channel=Direct"
    assert told == f"there is no channel 'Email,Direct'; for any of several, write each: {each}"
    assert here("report", "marketing", "audience", *each.split(), cwd=small).status == 0


def test_a_narrow_terminal_shows_all_of_what_is_behind_a_figure(small: Path) -> None:
    shown = at_terminal("why", "conversion_value", *UNTIL, cwd=small)
    assert "…" not in shown
    assert {SHOP_ORDER, "400.00", "order:o-2", "user:7", "2026-03-12", "order_placed"} <= {*shown.split()}


def test_a_narrow_terminal_shows_all_causes_and_all_of_a_closed_period(small: Path) -> None:
    shown = at_terminal("report", "marketing", "orders", "--period", "2026-03", cwd=small)
    assert "…" not in shown
    assert f"\n  +400.00 EUR touchpoint at 3: order_placed {SHOP_ORDER}: 400.00 ·" in shown
    assert {"2026-03-01", "2026-04-01", "books"} <= {*at_terminal("period", "list", cwd=small).split()}


def test_a_narrow_list_leaves_out_columns_and_says_which_instead_of_cutting_ids(world: Path) -> None:
    shown = at_terminal("report", "sales", "scores", "--until", "2025-06-29", cwd=world)
    assert "…" not in shown
    assert re.search(r"^user:\d+ ", shown, re.MULTILINE)
    assert "No room for since, channel: " in shown


def test_key_figures_stand_in_even_columns(world: Path) -> None:
    shown = at_terminal("report", "sales", "handoff", "--until", "2025-06-29", cwd=world)
    names = shown.split("soon\n")[1].split("team ")[0].splitlines()[1:9:3]
    ends = [{place.end() for place in re.finditer(r"\S+(?: \S+)*", line)} for line in names if line]
    assert len(ends) > 2
    assert all(some <= ends[0] for some in ends)


def test_each_currency_has_a_line_of_its_own_in_all_columns(tmp_path: Path) -> None:
    orders = {"1": ("10.00", "EUR", "Search"), "2": ("20.00", "USD", "Direct")}
    lines = [touch(id=f"v{order}", channel=channel, at=f"2026-03-0{order}T09:00:00Z") for order, (_, _, channel) in orders.items()]
    lines += [
        touch("order_placed", id=order, order=order, amount=amount, currency=currency, at=f"2026-03-0{order}T10:00:00Z")
        for order, (amount, currency, _) in orders.items()
    ]
    assert here("ingest", put(tmp_path / "in.jsonl", *lines), "--strict", cwd=tmp_path).status == 0
    told = here("report", "marketing", "value", "--until", "2026-03-31", cwd=tmp_path).out
    assert "Search   10.00 EUR  10.00 EUR  10.00 EUR  10.00 EUR\n         20.00 USD  20.00 USD          ·  10.00 USD\n" in told


def test_progress_is_shown_on_a_terminal_and_only_there(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(here("simulate", "--customers", "50", "--days", "30", cwd=tmp_path).raw)
    assert "taking in" in at_terminal("ingest", "in.jsonl", cwd=tmp_path)
    piped = journey("ingest", "in.jsonl", cwd=tmp_path)
    assert "taking in" not in piped.out + piped.err


def test_what_came_from_outside_is_neither_markup_nor_control(tmp_path: Path) -> None:
    put(
        tmp_path / "in.jsonl",
        touch(id="1", channel="[bold]Red[/bold] :smile:"),
        touch(id="2", channel="\x1b[31mCaf\u00e9\u202e"),
        touch(id="3", channel="日本語のとても長い名前"),
    )
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    shown = here("report", "marketing", "--until", "2026-03-31", cwd=tmp_path).out
    assert "[bold]Red[/bold] :smile:" in shown
    assert r"\x1b[31mCafé\u202e" in shown
    assert "日本語のとても長い名前" in shown
    story = here("timeline", "user:7", cwd=tmp_path).out
    assert r"\x1b[31mCafé\u202e" in story
    assert "\x1b" not in story


# --- what would harm a terminal

HARM = "\x1b]0;owned\x07\x1b[2J\r\x7f\x85\x9b31m\u202e\u2066\u200f\u061c\u200b\u2028\U000e0041"
FORGED = "\njourney: all is well\n"


def harmful(shown: str) -> set[str]:
    """What is left of `shown` that is no text. Colours are ours, and taken out by now."""
    return {letter for letter in shown if not letter.isprintable()} - {"\n"}


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data with HARM in every text that others can send, and in what was decided."""
    folder = tmp_path_factory.mktemp("harmed")
    evil = HARM + FORGED
    good = [touch(id=f"1{evil}", subject=f"user:7{HARM}", channel=f"search{evil}", campaign=f"spring{evil}", title=evil)]
    broken = [b"no json" + HARM.encode(), touch(id="2", more=1).replace(b"page_view", b"page_\\u009bview"), touch(id="3", url=f"/{evil}")]
    conflict = [touch(id="4", subject="user:8", url=url) for url in ("/a", f"/b{evil}")]
    put(folder / "in.jsonl", *good, *broken, *conflict)
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    assert here("dead-letters", "dismiss", "1", "--reason", evil, "--actor", evil, cwd=folder).status == 0
    return folder


DAY = " --until 2026-04-01"
ANSWERS = [
    f"timeline user:7{HARM}{DAY}", f"explain user:7{HARM}{DAY}", f"report marketing{DAY}", f"identity show user:7{HARM}", "audit",
    "dead-letters", "dead-letters show 1", "dead-letters show c1", "definition show", f"report marketing{DAY} --csv",
    f"report marketing{DAY} --by campaign --csv",
]  # fmt: skip
IN_JSON = [f"timeline user:7{HARM}{DAY} --json", f"report marketing{DAY} --json", "audit --json", "dead-letters show 1 --json"]


@pytest.mark.parametrize("arguments", ANSWERS + IN_JSON, ids=ascii)
def test_no_answer_harms_a_terminal(harmed: Path, arguments: str) -> None:
    shown = at_terminal(*arguments.split(" "), cwd=harmed, columns=400)
    assert harmful(shown) == set()
    assert FORGED not in shown
    if arguments in IN_JSON:
        assert orjson.loads(shown) == here(*arguments.split(" "), cwd=harmed).json


@pytest.mark.parametrize("arguments", ["dead-letters show 1 --raw", "dead-letters show c1 --raw"])
def test_bytes_as_they_came_are_spelled_out_on_a_terminal_and_only_there(harmed: Path, arguments: str) -> None:
    assert harmful(at_terminal(*arguments.split(), cwd=harmed)) == set()
    raw = here(*arguments.split(), cwd=harmed).raw
    assert raw.startswith(b"no json\x1b]0;" if " 1 " in arguments else b'{"')


MISTAKES = [
    ("ingest", f"in{HARM}{FORGED}.jsonl"),
    ("ingest", "in.jsonl", "--data", f"in.jsonl/{HARM}{FORGED}"),
    ("report", "marketing", "--data", HARM + FORGED),
    ("timeline", HARM + FORGED),
    ("definition", "check", HARM + FORGED),
    ("definition", "check", f"evil{HARM}{FORGED}.yaml"),
    ("ingest", "in.csv", "--map", f"evil{HARM}{FORGED}.yaml"),
    ("report", HARM + FORGED),
    (HARM + FORGED,),
    ("digest", f"--{HARM}{FORGED}"),
    ("digest", HARM + FORGED),
    ("simulate", "--days", HARM + FORGED),
    ("dead-letters", HARM + FORGED),
]


@pytest.mark.parametrize("arguments", MISTAKES, ids=ascii)
def test_no_refusal_harms_a_terminal_or_forges_a_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    put(tmp_path / "in.jsonl", touch())
    put(tmp_path / "in.csv", b"Id")
    (tmp_path / f"evil{HARM}{FORGED}.yaml").write_text("a: [1", encoding="utf-8")
    ran = here(*arguments, cwd=tmp_path)
    assert ran.status in (1, 2)
    assert harmful(ran.err) == set()
    assert FORGED not in ran.err


def test_remarks_and_tracebacks_harm_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    printing.note(f"waiting: Kafka says {HARM}{FORGED}")
    printing.failure(ValueError(HARM))
    told = capsys.readouterr().err
    assert harmful(told) == set()
    assert told.splitlines()[0].startswith("waiting: Kafka says \\x1b")
    assert told.splitlines()[0].endswith("journey: all is well\\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "in.jsonl", "--data", "caf\udce9"),
        ("definition", "use", "caf\udce9.yaml"),
        ("dead-letters", "dismiss", "1", "--reason", "\udce9"),
        ("timeline", "user:\udce9"),
        ("audit", "--action", "\udce9"),
    ],
)
def test_what_is_no_utf_8_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    put(tmp_path / "in.jsonl", touch())
    assert "is not UTF-8; rename it" in refused(journey(*arguments, cwd=tmp_path))


def test_a_definition_in_a_file_whose_name_is_no_utf_8_is_used(tmp_path: Path) -> None:
    written = here("definition", "show", "--default", cwd=tmp_path).raw
    (tmp_path / "caf\udce9.yaml").write_bytes(written.replace(b"starts: 1 ", b"starts: 4 "))
    assert here("definition", "check", "caf\udce9.yaml", "--json", cwd=tmp_path).json["file"] == r"caf\udce9.yaml"
    assert here("definition", "use", "caf\udce9.yaml", cwd=tmp_path).status == 0
    assert r"caf\udce9.yaml" in here("audit", "--json", cwd=tmp_path).json["decisions"][-1]["detail"]["file"]


# --- pipes


def piped(command: str, cwd: Path) -> Ran:
    """A line of shell, in which `journey` is the command."""
    line = f'journey() {{ "{COMMAND[0]}" -m app "$@"; }}; {command}'
    ran = subprocess.run(["bash", "-c", line], cwd=cwd, env=environment(), capture_output=True, timeout=SECONDS_MAX, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr.decode())


@pytest.mark.parametrize(
    "arguments",
    ["simulate", "dead-letters --json --limit 1000", "report marketing --json", "report marketing", "definition show --default"],
)
def test_it_stays_quiet_when_nobody_reads_on(world: Path, arguments: str) -> None:
    ran = piped(f"journey {arguments} | head -c 1", world)
    assert (len(ran.raw), ran.err) == (1, "")


def test_output_that_cannot_be_written_is_one_line_and_exit_1(world: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no full disk to write to")
    for arguments in ("digest", "simulate --customers 10 --days 10"):
        ran = piped(f"journey {arguments} > /dev/full", world)
        assert (ran.status, ran.err) == (1, "journey: No space left on device\n")


def test_output_in_an_old_encoding_is_spelled_out(world: Path) -> None:
    ran = journey("report", "marketing", "--until", "2025-06-29", cwd=world, PYTHONIOENCODING="latin-1")
    assert (ran.status, ran.err) == (0, "")


def test_it_reads_from_another_command_through_a_pipe_with_a_name(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch())
    ran = piped("journey ingest --json <(cat in.jsonl)", tmp_path)
    assert ran.json["accepted"] == 1


def test_a_file_whose_name_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    try:
        put(tmp_path / os.fsdecode(b"caf\xe9.jsonl"), touch())
    except OSError:
        pytest.skip("there are no such names here")
    ran = piped("journey ingest caf*.jsonl", tmp_path)
    assert (ran.status, ran.err.count("\n"), "is not UTF-8; rename it" in ran.err) == (1, 1, True)


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    try:
        installed = version("customer-journey-engine")
    except PackageNotFoundError:
        pytest.skip("it runs from its source here, and is not installed")
    ran = journey("--version", cwd=tmp_path)
    assert (ran.status, ran.out, ran.err) == (0, f"journey {installed}\n", "")


@pytest.mark.parametrize("command", ["", "ingest", "report", "timeline", "dead-letters", "definition", "definition use"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    ran = here(*command.split(), "--help", cwd=tmp_path)
    assert (ran.status, ran.err) == (0, "")
    assert "Usage: journey" in ran.out
