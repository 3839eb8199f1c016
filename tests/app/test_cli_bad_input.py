"""What can't be read is kept byte for byte, with source, place and reason, and counted; the rest goes on."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.incoming import BEGINNING_BYTES, LINE_BYTES_MAX
from tests.app.command import environment, here, journey, put, touch
from tests.examples import example


def broken(**changed: Any) -> bytes:
    """A touchpoint with something else in its envelope; None leaves the attribute out."""
    event = {**example("page_view"), **changed}
    return orjson.dumps({name: value for name, value in event.items() if value is not None})


BAD = {
    "not-json": [b"touchpoint 17 follows", b"{", b'{"specversion":"1.0"', b"'single quotes'", b'{"id": NaN}'],
    "not-utf-8": [b'{"id":"caf\xe9"}', b"\xff\xfe{}", b"\x80"],
    "nul": [b'{"id":"\x00"}', broken(id="a\x00b"), b"\x00"],
    "lone-surrogate": [b'{"id":"\\ud800"}'],
    "not-an-object": [b"[]", b"7", b"null", b'"text"'],
    "no-specversion": [b"{}"],
    "no-id": [broken(id=None), broken(id="")],
    "no-subject": [broken(subject=None)],
    "no-source": [broken(source=None)],
    "no-type": [broken(type=None)],
    "no-time": [broken(time=None)],
    "no-data": [broken(data=None)],
    "time-without-zone": [broken(time="2026-03-02T10:00:00")],
    "wrong-time": [broken(time="yesterday"), broken(time="2026-02-30T10:00:00Z"), broken(time="1969-12-31T23:59:59Z")],
    "too-far-ahead": [broken(time="9998-01-01T00:00:00Z")],
    "wrong-type": [broken(id=17), broken(time=1740823200), broken(data=[1, 2]), broken(data={"url": 7})],
    "missing-field": [broken(data={})],
    "wrong-subject": [broken(subject="robot:7"), broken(subject="user:")],
    "unknown-type": [broken(type="telepathy")],
    "too-long": [broken(id="x" * 10_000)],
    "too-deep": [broken(data={"url": "u", "deep": json.loads("[" * 40 + "]" * 40)}), b"[" * 100_000],
    "number-too-large": [broken(data={"url": "u"})[:-2] + b',"n":9007199254740993}}', b'{"n":' + b"9" * 5_000 + b"}", b'{"n":1e999}'],
    "too-large": [broken(data={"url": "u", "rest": "x" * 1_500_000}), b"x" * 16_000_000],
}  # fmt: skip


def raw(number: int, cwd: Path) -> bytes:
    return here("dead-letters", "show", str(number), "--raw", cwd=cwd).raw


def listed(cwd: Path) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = here("dead-letters", "--json", "--limit", "1000", cwd=cwd).json["dead_letters"]
    return letters


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder that a file of everything bad was taken in from, a good touchpoint before and after each; and what that said."""
    folder = tmp_path_factory.mktemp("bad")
    lines = [touch(id="0")]
    for number, one in enumerate([one for some in BAD.values() for one in some], start=1):
        lines += [one, touch(id=str(number))]
    (folder / "in.jsonl").write_bytes(b"\n".join(lines))
    return folder, here("ingest", "in.jsonl", "--json", cwd=folder).json


def test_everything_bad_becomes_a_dead_letter_by_its_kind_and_everything_good_goes_in(desk: tuple[Path, Any]) -> None:
    _, summary = desk
    numbers = {code: len(some) for code, some in BAD.items()}
    total = sum(numbers.values())
    assert summary["dead_letters"] == numbers
    assert (summary["read"], summary["accepted"], summary["dead_lettered"]) == (2 * total + 1, total + 1, total)


def test_a_dead_letter_has_its_source_its_place_its_reason_and_its_very_bytes(desk: tuple[Path, Any]) -> None:
    folder, _ = desk
    bad = [one for some in BAD.values() for one in some]
    found = listed(folder)
    assert [one["place"] for one in found] == [f"in.jsonl:{2 * number}" for number in range(1, len(bad) + 1)]
    assert {one["source"] for one in found} == {"in.jsonl"}
    assert all(one["reason"] for one in found)
    assert [one["bytes"] for one in found] == [len(one) for one in bad]
    for one, sent in zip(found, bad, strict=True):
        assert raw(one["number"], folder) == sent, one


def test_seen_again_it_counts_again_on_the_same_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    put(tmp_path / "in.jsonl", b"{", touch(), b"{")
    put(tmp_path / "elsewhere" / "in.jsonl", b"}", b"{")
    for _ in range(2):
        here("ingest", "in.jsonl", cwd=tmp_path)
    here("ingest", "elsewhere/in.jsonl", "--format", "cloudevents", cwd=tmp_path)
    here("ingest", tmp_path / "in.jsonl", cwd=tmp_path)
    found = here("dead-letters", "--json", cwd=tmp_path).json
    assert [(one["bytes"], one["seen"], one["place"]) for one in found["dead_letters"]] == [
        (1, 7, "in.jsonl:1"),
        (1, 1, "elsewhere/in.jsonl:1"),
    ]
    assert found["codes"] == {"not-json": {"letters": 2, "seen": 8}}


def test_a_letter_put_right_and_sent_again_goes_in(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch().replace(b"Z", b""))
    here("ingest", "in.jsonl", cwd=tmp_path)
    (tmp_path / "right.jsonl").write_bytes(raw(1, tmp_path).replace(b"T10:00:00", b"T10:00:00Z"))
    assert here("ingest", "right.jsonl", "--json", cwd=tmp_path).json["accepted"] == 1


# --- lines


ENDS: dict[str, Callable[[bytes], bytes]] = {
    "line feeds": lambda line: line + b"\n",
    "carriage returns and line feeds": lambda line: line + b"\r\n",
    "blank lines in between": lambda line: b"\n  \r\n" + line + b"\n\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_line_ends_and_blank_lines_are_no_part_of_a_record(tmp_path: Path, end: Callable[[bytes], bytes]) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + b"".join(map(end, [touch(id="1"), b"{ \t", touch(id="2")])))
    summary = here("ingest", "in.jsonl", "--json", cwd=tmp_path).json
    assert (summary["read"], summary["accepted"]) == (3, 2)
    assert raw(1, tmp_path) == b"{ \t"


def test_of_a_line_too_large_to_keep_beginning_length_and_hash_are_kept_and_nothing_in_it_is_a_touchpoint(tmp_path: Path) -> None:
    hidden = touch(id="hidden")
    # Its first bytes by themselves would be a touchpoint.
    line = touch(id="2") + b" " * LINE_BYTES_MAX + hidden
    (tmp_path / "in.jsonl").write_bytes(touch(id="1") + b"\n" + line + b"\r\nno json")
    assert here("ingest", "in.jsonl", "--json", cwd=tmp_path).json["accepted"] == 1
    first, last = listed(tmp_path)
    assert (first["code"], first["place"], first["bytes"], first["sha256"]) == (
        "too-large",
        "in.jsonl:2",
        len(line),
        sha256(line).hexdigest(),
    )
    assert last["place"] == "in.jsonl:3"
    told = f"the first {BEGINNING_BYTES:,} of {len(line):,} bytes; SHA-256 {sha256(line).hexdigest()}"
    assert told in here("dead-letters", "show", "1", cwd=tmp_path).err
    written = here("dead-letters", "show", "1", "--raw", cwd=tmp_path)
    assert written.raw == line[:BEGINNING_BYTES]
    assert told in written.err
    assert here("dead-letters", "requeue", "--all", "--json", cwd=tmp_path).json["need_fix"] == [1]
    (tmp_path / "fix.json").write_bytes(touch(id="2"))
    here("dead-letters", "fix", "1", "--body", "fix.json", cwd=tmp_path)
    assert here("dead-letters", "requeue", "1", "--json", cwd=tmp_path).json["in"] == 1


def test_two_lines_that_only_begin_alike_are_two_letters_and_the_same_one_twice_is_one(tmp_path: Path) -> None:
    lines = [b"x" * LINE_BYTES_MAX + end for end in (b"a", b"b", b"a")]
    put(tmp_path / "in.jsonl", *lines, lines[0][:BEGINNING_BYTES])
    here("ingest", "in.jsonl", "--format", "cloudevents", cwd=tmp_path)
    assert [(one["place"], one["seen"]) for one in listed(tmp_path)] == [("in.jsonl:1", 2), ("in.jsonl:2", 1), ("in.jsonl:4", 1)]


@pytest.mark.parametrize(
    "arguments", [["--format", "cloudevents"], ["--format", "segment"], ["--map", "map.yaml"]], ids=["events", "calls", "rows"]
)
def test_a_line_of_any_length_takes_little_memory(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "map.yaml").write_text(
        "zone: UTC\ntouchpoints: [{type: page_view, subject: 'user:{Visitor}', time: {from: When}, data: {url: '{Page}'}}]"
    )
    with (tmp_path / "in.csv").open("wb") as file:
        file.write(b"Visitor,When,Page\n7,2026-03-01T10:00:00Z,https://shop.example/\n")
        file.truncate(300_000_000)
    if arguments[0] != "--map":
        (tmp_path / "in.csv").rename(tmp_path / "in.jsonl")
    name = "in.csv" if "--map" in arguments else "in.jsonl"
    code = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read())); from app.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "ingest", name, *arguments], cwd=tmp_path, env=environment(), capture_output=True, check=True
    )
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", ran.stdout.decode())
    assert int(peak) < 250_000
    (letter,) = [one for one in listed(tmp_path) if one["place"] == f"{name}:3"]
    assert letter["bytes"] == 300_000_000 - len(b"Visitor,When,Page\n7,2026-03-01T10:00:00Z,https://shop.example/\n")


def test_an_empty_file_is_nothing(tmp_path: Path) -> None:
    assert here("ingest", put(tmp_path / "in.jsonl"), "--json", cwd=tmp_path).json["read"] == 0


# --- how it is shown


def test_the_list_and_the_letter_are_readable_whatever_is_in_them(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", b"\x1b[31mred\x07 caf\xe9 [bold]x[/bold] :smile:", b"y" * 3_000)
    here("ingest", "in.jsonl", "--format", "cloudevents", cwd=tmp_path)
    ran = here("dead-letters", cwd=tmp_path)
    assert "not-utf-8" in ran.out
    assert "in.jsonl:1" in ran.out
    shown = here("dead-letters", "show", "1", cwd=tmp_path).out
    assert r"\x1b[31mred\x07 caf\xe9 [bold]x[/bold] :smile:" in shown
    assert "place   " in shown
    long = here("dead-letters", "show", "2", cwd=tmp_path)
    assert "y" * 3_000 in long.out
    told = here("dead-letters", "show", "1", "--json", cwd=tmp_path).json
    assert (told["number"], told["code"], told["seen"], told["bytes"]) == (1, "not-utf-8", 1, 37)
    assert told["raw_base64"].startswith("G1szMW1yZWQ")


def test_a_long_list_is_read_page_by_page(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", *(b"%d" % number for number in range(5)))
    here("ingest", "in.jsonl", "--format", "cloudevents", cwd=tmp_path)
    first = here("dead-letters", "list", "--limit", "3", cwd=tmp_path)
    assert "--after 3 goes on from here" in first.err
    rest = here("dead-letters", "list", "--after", "3", "--json", cwd=tmp_path).json["dead_letters"]
    assert [one["number"] for one in rest] == [4, 5]


def test_a_conflict_is_listed_with_the_body_that_counts_and_the_others(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(url="https://b.example/"), touch(url="https://a.example/", at="2026-03-02T09:00:00Z"))
    assert here("ingest", "in.jsonl", "--json", cwd=tmp_path).json["conflicts"] == 1
    (conflict,) = here("dead-letters", "--json", cwd=tmp_path).json["conflicts"]
    assert (conflict["subject"], conflict["source"], conflict["id"]) == ("user:7", "urn:test", "1")
    assert conflict["counts"]["data"]["url"] == "https://a.example/"
    assert [other["data"]["url"] for other in conflict["others"]] == ["https://b.example/"]
    assert "Conflicts" in here("dead-letters", cwd=tmp_path).out


def test_strict_takes_in_what_is_good_and_exits_1_where_something_was_not(tmp_path: Path) -> None:
    put(tmp_path / "good.jsonl", touch(id="1"))
    put(tmp_path / "mixed.jsonl", touch(id="2"), b"{")
    assert here("ingest", "good.jsonl", "--strict", cwd=tmp_path).status == 0
    assert here("ingest", "mixed.jsonl", cwd=tmp_path).status == 0
    ran = here("ingest", "mixed.jsonl", "--strict", "--json", cwd=tmp_path)
    assert (ran.status, orjson.loads(ran.raw)["duplicates"]) == (1, 1)
    assert "journey: --strict, and 1 of the records is a dead letter" in ran.err


def test_dead_letters_of_standard_input_say_so(tmp_path: Path) -> None:
    assert journey("ingest", "-", cwd=tmp_path, stdin=b"{\n" + touch() + b"\n").status == 0
    assert [one["place"] for one in listed(tmp_path)] == ["standard input:1"]


def test_a_folder_whose_name_is_no_utf8_is_spelled_out_where_a_record_came_from(tmp_path: Path) -> None:
    folder = tmp_path / "a\udcff"
    folder.mkdir()
    put(folder / "in.jsonl", b"{", touch())
    assert here("ingest", folder / "in.jsonl", cwd=tmp_path).status == 0
    (letter,) = here("dead-letters", "--json", cwd=tmp_path).json["dead_letters"]
    assert letter["place"] == rf"{tmp_path}/a\udcff/in.jsonl:1"
