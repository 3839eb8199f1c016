"""`journey ingest` of JSON as it comes: whatever program wrote the file, it is taken for what it is, or refused in one line."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.app.command import COMMAND, environment, here, journey, put, refused, touch

DAY = "2026-03-01T09:00:00Z"


def call(number: int, **changed: Any) -> dict[str, Any]:
    said = {"type": "track", "event": "Signed Up", "messageId": f"m-{number}", "timestamp": DAY, "anonymousId": f"a-{number}"}
    return {**said, "userId": str(number), "properties": {"plan": "free"}, **changed}


def posted(number: int) -> dict[str, Any]:
    said = {"event": "$pageview", "distinct_id": f"a-{number}", "uuid": f"e-{number}", "timestamp": DAY}
    return {**said, "properties": {"$current_url": "https://shop.example/", "$device_id": f"a-{number}"}}


def counted(cwd: Path, *arguments: str) -> tuple[int, int, int]:
    answer = here("ingest", *arguments, "--json", cwd=cwd).json
    return answer["accepted"], answer["duplicates"], answer["dead_lettered"]


def letters(cwd: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = here("dead-letters", "--json", cwd=cwd).json["dead_letters"]
    return found


# --- what exports and programs write


def test_what_segments_libraries_post_and_its_exports_hold_goes_in_as_it_is(tmp_path: Path) -> None:
    body = {"batch": [call(1), call(2)], "sentAt": "2026-03-01T09:00:05Z", "writeKey": "x"}
    put(tmp_path / "batch.jsonl", json.dumps(body).encode())
    (tmp_path / "array.json").write_text(json.dumps([call(3)], indent=2))
    put(tmp_path / "numeric.jsonl", json.dumps(call(4, timestamp=1772355600000)).encode())
    (tmp_path / "body.json").write_text(json.dumps(body, indent=2))
    (tmp_path / "batch.jsonl.gz").write_bytes(gzip.compress((tmp_path / "batch.jsonl").read_bytes()))
    # Each call has both ids, which is a touchpoint more.
    assert counted(tmp_path, "batch.jsonl", "array.json", "numeric.jsonl", "--format", "segment") == (8, 0, 0)
    assert counted(tmp_path, "body.json", "batch.jsonl.gz") == (0, 8, 0)
    assert "2026-03-01T09:00:00Z" in here("timeline", "user:4", "--json", cwd=tmp_path).out


def test_what_windows_writes_and_a_batch_of_cloud_events_go_in_as_they_are(tmp_path: Path) -> None:
    lines = [touch(id="1"), touch(id="2")]
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines))
    (tmp_path / "utf16.jsonl").write_bytes(b"\r\n".join(lines).decode().encode("utf-16"))
    (tmp_path / "array.json").write_bytes(b"[" + b",".join(lines) + b"]")
    assert counted(tmp_path, "bom.jsonl") == (2, 0, 0)
    assert counted(tmp_path, "utf16.jsonl", "array.json") == (0, 4, 0)


def test_what_posthogs_libraries_post_goes_in_as_it_is(tmp_path: Path) -> None:
    known = {**posted(1), "event": "$identify", "distinct_id": "7", "uuid": "e-3", "properties": {"$anon_distinct_id": "a-1"}}
    body = {"api_key": "k", "batch": [posted(1), known], "sent_at": "2026-03-01T09:00:05Z"}
    put(tmp_path / "posted.jsonl", json.dumps(body).encode())
    ran = here("ingest", "posted.jsonl", cwd=tmp_path)
    assert (ran.status, ran.err.splitlines()[0]) == (0, "posted.jsonl: PostHog events")
    assert here("timeline", "anon:a-1", "--json", cwd=tmp_path).json["ids"] == ["anon:a-1", "user:7"]


def test_each_file_is_taken_for_what_its_first_event_is_and_that_is_said(tmp_path: Path) -> None:
    put(tmp_path / "touchpoints.jsonl", b"{", touch())
    put(tmp_path / "calls.jsonl", b"\n", json.dumps(call(1)).encode())
    put(tmp_path / "events.jsonl", json.dumps(posted(1)).encode())
    put(tmp_path / "nothing.jsonl", b"")
    ran = here("ingest", "touchpoints.jsonl", "calls.jsonl", "nothing.jsonl", "events.jsonl", cwd=tmp_path)
    assert ran.status == 0
    assert ran.err.splitlines()[:3] == ["touchpoints.jsonl: CloudEvents", "calls.jsonl: Segment calls", "events.jsonl: PostHog events"]
    assert re.search(r"(?m)^accepted +4$", ran.out)
    assert here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path).err.startswith("import ")


@pytest.mark.parametrize("content", [json.dumps(call(1)).encode(), gzip.compress(json.dumps([call(1)]).encode())], ids=["line", "packed"])
def test_a_pipe_is_taken_for_what_it_is_too(tmp_path: Path, content: bytes) -> None:
    ran = journey("ingest", "-", cwd=tmp_path, stdin=content)
    assert (ran.status, ran.err.splitlines()[0]) == (0, "standard input: Segment calls")
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen([*COMMAND, "ingest", "pipe", "--json"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE) as process:
        (tmp_path / "pipe").write_bytes(content)
        assert process.stdout is not None
        assert orjson.loads(process.stdout.read())["duplicates"] == 2


def test_a_pipe_that_is_no_events_is_one_message_and_nothing_of_what_goes_before_it_is_taken_in(tmp_path: Path) -> None:
    put(tmp_path / "good.jsonl", touch())
    ran = journey("ingest", "good.jsonl", "-", cwd=tmp_path, stdin=b"once\n" * 30)
    assert refused(ran).startswith("standard input holds no events that journey reads")
    assert letters(tmp_path) == []
    assert counted(tmp_path, "good.jsonl") == (1, 0, 0)


# --- what is broken in it


def test_a_broken_element_is_one_letter_with_its_bytes_and_its_place_and_the_rest_goes_in(tmp_path: Path) -> None:
    broken = b'{"specversion": "1.0", "n": 1.10,}'
    (tmp_path / "array.json").write_bytes(b"[\n%b,\n%b,\n%b\n]" % (touch(id="1"), broken, touch(id="2")))
    assert counted(tmp_path, "array.json") == (2, 0, 1)
    (letter,) = letters(tmp_path)
    assert (letter["place"], letter["code"]) == ("array.json:3[1]", "not-json")
    assert here("dead-letters", "show", "1", "--raw", cwd=tmp_path).raw == broken


def test_what_is_cut_off_says_so_and_the_whole_file_later_counts_once(tmp_path: Path) -> None:
    whole = b"[%b]" % b",".join(touch(id=str(number), url=f"https://x.example/{number * 7919}") for number in range(500))
    (tmp_path / "array.json").write_bytes(whole[:-20_000])
    (tmp_path / "array.json.gz").write_bytes(gzip.compress(whole)[:-500])
    for name, why in (("array.json", "in the middle of its array"), ("array.json.gz", "it is packed with gzip, and ends before its end")):
        accepted, duplicates, dead = counted(tmp_path, name)
        assert (accepted + duplicates > 100, dead) == (True, 1)
        assert why in letters(tmp_path)[-1]["reason"]
    (tmp_path / "array.json").write_bytes(whole)
    accepted, duplicates, dead = counted(tmp_path, "array.json")
    assert (accepted + duplicates, dead) == (500, 0)


@pytest.mark.parametrize("kind", ["an array", "a packed array", "an element"])
def test_an_array_of_any_length_takes_little_memory(tmp_path: Path, kind: str) -> None:
    element = b'{"specversion": "1.0", "note": "%b"},' % (b"x" * 10_000)
    with gzip.open(tmp_path / "in.json", "wb", compresslevel=1) if kind == "a packed array" else (tmp_path / "in.json").open("wb") as file:
        file.write(b"[" + touch() + b",")
        if kind == "an element":
            file.write(b'{"specversion": "')
        for _ in range(15):
            file.write((b"x" if kind == "an element" else element) * (10_000_000 // (1 if kind == "an element" else len(element))))
        file.write(b'"}]' if kind == "an element" else b"{}]")
    code = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read())); from app.cli import main; main()"
    command = [sys.executable, "-c", code, "ingest", "in.json", "--dry-run", "--json"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=True)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", ran.stdout.decode())
    assert int(peak) < 150_000
    assert b'"page_view": 1' in ran.stdout


# --- tried out first


def test_a_dry_run_says_what_would_come_of_json_and_takes_nothing_in(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1", utm_sorce="x"), touch(id="2"), b"{", touch(id="3", subject="user:undefined"))
    (tmp_path / "calls.json").write_text(json.dumps([call(1), call(2, event="Song Played", anonymousId=None), call(3, messageId=None)]))
    ran = here("ingest", "in.jsonl", "calls.json", "--dry-run", "--json", cwd=tmp_path)
    answer = ran.json
    assert answer["files"] == {"in.jsonl": "CloudEvents", "calls.json": "Segment calls"}
    assert answer["counts"] == {"page_view": 2, "signed_up": 1, "identified": 1, "custom": 1}
    assert [letters["first"] for letters in answer["dead_letters"].values()] == ["in.jsonl:3", "in.jsonl:4", "calls.json:1[2]"]
    assert answer["unnamed"] == {"page_view.utm_sorce": "utm_source"}
    assert answer["left_out"] == [{"event": "Song Played", "why": "no touchpoint is named for it", "number": 1}]
    assert (answer["examples"]["signed_up"]["subject"], answer["examples"]["signed_up"]["data"]) == ("user:1", {"plan": "free"})
    assert ran.err.splitlines()[:2] == ["in.jsonl: CloudEvents", "calls.json: Segment calls"]
    assert not (tmp_path / "journey-data").exists()
    shown = here("ingest", "in.jsonl", "calls.json", "--dry-run", cwd=tmp_path)
    assert "signed_up   user:1    2026-03-01T09:00:00Z  plan free" in shown.out
    assert "did you mean 'utm_source'?" in shown.out
    assert "Song Played" in shown.out
    assert shown.err.endswith("nothing was taken in; leave --dry-run out to do it\n")
    strict = here("ingest", "in.jsonl", "--dry-run", "--strict", cwd=tmp_path)
    assert (strict.status, "2 of the records are dead letters" in strict.err) == (1, True)


def test_a_dry_run_takes_no_more_for_a_touchpoint_than_the_ingest_does(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1"), touch(id="2", at="2126-03-01T09:00:00Z"))
    tried = here("ingest", "in.jsonl", "--dry-run", "--json", cwd=tmp_path).json
    taken = here("ingest", "in.jsonl", "--json", cwd=tmp_path).json
    assert sum(tried["counts"].values()) == taken["accepted"] == 1
    assert [letters["first"] for letters in tried["dead_letters"].values()] == ["in.jsonl:2"]
    assert taken["dead_letters"] == {"too-far-ahead": 1}


def test_a_dry_run_goes_by_the_definition_in_use_where_there_is_data(tmp_path: Path) -> None:
    put(tmp_path / "in.jsonl", touch(id="1", subject="user:kiosk"))
    put(tmp_path / "calls.jsonl", json.dumps(call(1, event="Song Played")).encode())
    yaml = here("definition", "show", "--default", cwd=tmp_path).out
    yaml = yaml.replace("outside_names: {}", "outside_names: {Song Played: {type: product_used, constants: {feature: songs}}}")
    (tmp_path / "mine.yaml").write_text(yaml + "\nidentity: {never: [kiosk]}\n")
    before = here("ingest", "in.jsonl", "calls.jsonl", "--dry-run", "--json", cwd=tmp_path).json
    assert (before["dead_letters"], before["counts"]) == ({}, {"page_view": 1, "custom": 1, "identified": 1})
    assert here("definition", "use", "mine.yaml", cwd=tmp_path).status == 0
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "journey-data").iterdir()}
    after = here("ingest", "in.jsonl", "calls.jsonl", "--dry-run", "--json", cwd=tmp_path).json
    assert after["counts"] == {"product_used": 1, "identified": 1}
    assert len(after["dead_letters"]) == 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "journey-data").iterdir() if path in files} == files


def test_a_dry_run_of_a_pipe_reads_it(tmp_path: Path) -> None:
    ran = journey("ingest", "-", "--dry-run", "--json", cwd=tmp_path, stdin=touch())
    assert (ran.json["counts"], ran.json["files"]) == ({"page_view": 1}, {"standard input": "CloudEvents"})
