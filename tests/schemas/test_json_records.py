"""The records of a file of JSON, whichever way it is written and packed: each with its own bytes, and what is broken costs no other."""

import gzip
import io
import json
import tracemalloc
import zlib
from collections.abc import Callable
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.incoming import LINE_BYTES_MAX
from schemas.json_records import records
from schemas.json_values import values
from tests.schemas.lines import of_file

LINES = b'{"a": "1\\"]", "n": 9007199254740993.10}\n{"a": [{"b": "}"}]}\n'
ONE, OTHER = LINES.splitlines()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def raws(content: bytes) -> list[bytes]:
    return [record.raw for record in of_file(content)]


def placed(content: bytes) -> list[tuple[str, bytes]]:
    return [(record.place.removeprefix("calls.jsonl"), record.raw) for record in of_file(content)]


LAYOUTS = {
    "lines": LINES,
    "lines without an end": LINES[:-1],
    "lines of Windows": LINES.replace(b"\n", b"\r\n"),
    "blank lines": b"\n  \r\n" + LINES.replace(b"\n", b"\n\n \n"),
    "an array on one line": b"[%b,%b]" % (ONE, OTHER),
    "an array, an element a line": b"[\n%b,\n%b\n]\n" % (ONE, OTHER),
    "an array that opens and closes beside its elements": b"[%b,\n%b]" % (ONE, OTHER),
    "an array of arrays' lines": b"[%b]\n[%b]\n" % (ONE, OTHER),
    "one after the other, as Firehose writes them": ONE + OTHER,
    "arrays among lines": b"%b\n[%b]\n" % (ONE, OTHER),
}
PACKINGS = {
    "as it is": lambda content: content,
    "with the mark of UTF-8": lambda content: b"\xef\xbb\xbf" + content,
    "UTF-16 of PowerShell": lambda content: b"\xff\xfe" + content.decode().encode("utf-16-le"),
    "UTF-16, the other way round": lambda content: b"\xfe\xff" + content.decode().encode("utf-16-be"),
    "UTF-16 without its mark": lambda content: content.decode().lstrip().encode("utf-16-le"),
    "gzip": gzipped,
    "gzip, in several members": lambda content: b"".join(gzipped(content[at : at + 7]) for at in range(0, len(content), 7)) + b"\0\0",
    "gzip of UTF-16": lambda content: gzipped(b"\xff\xfe" + content.decode().encode("utf-16-le")),
}


@pytest.mark.parametrize("packed", PACKINGS.values(), ids=PACKINGS.keys())
@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_file_gives_the_same_records_however_it_is_written_and_packed(content: bytes, packed: Callable[[bytes], bytes]) -> None:
    assert raws(packed(content)) == [ONE, OTHER]


def test_pretty_printed_events_are_records_in_an_array_or_without_one() -> None:
    events = [{"a": [1, {"b": "]"}]}, {"c": {}}, {"d": "e"}]
    pretty = [orjson.dumps(event, option=orjson.OPT_INDENT_2) for event in events]
    for content in (orjson.dumps(events, option=orjson.OPT_INDENT_2), b"\n".join(pretty), b"".join(pretty)):
        assert [orjson.loads(raw) for raw in raws(content)] == events


def test_a_place_is_a_line_and_in_an_array_which_element_from_0() -> None:
    assert placed(b'{"a":1}\n\n[{"b":2}, {"c":3}]\n') == [(":1", b'{"a":1}'), (":3[0]", b'{"b":2}'), (":3[1]", b'{"c":3}')]
    assert placed(b'[\n {\n  "a":1\n },\n\n {"b":2}\n]') == [(":2[0]", b'{\n  "a":1\n }'), (":6[1]", b'{"b":2}')]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[]", b" [\n]\n", gzipped(b"")], ids=repr)
def test_where_nothing_is_there_are_no_records(content: bytes) -> None:
    assert raws(content) == []


BROKEN = {
    "a comma too many": b'{"b": 2,}',
    "a bracket that is not closed": b'{"b": [2}',
    "a bracket of the other kind": b'{"b": 2]}',
    "a text that goes on in the next line": b'{"b": "two\n}',
    "no JSON": b"none",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_element_of_an_array_is_one_record_and_the_others_stay_whole(broken: bytes) -> None:
    assert raws(b"[%b,\n%b,\n%b]" % (ONE, broken, OTHER)) == [ONE, broken, OTHER]


@pytest.mark.parametrize("first", [b"{", b'{"a":', b'{"a": 1', b'{"a": 1,', b'{"a": "b', b'{"a": [1, 2', b"[1, 2", b"}", b"text"], ids=repr)
def test_a_first_line_that_is_cut_off_takes_no_other_with_it(first: bytes) -> None:
    assert raws(b"\n".join([first, ONE, OTHER])) == [first, ONE, OTHER]


def test_of_an_array_that_ends_in_the_middle_the_rest_is_one_record_with_the_reason() -> None:
    for rest in (b"", OTHER[:-3]):
        first, last = of_file(b"[%b,\n%b" % (ONE, rest))
        assert (first.raw, first.reason) == (ONE, None)
        assert (last.raw, last.place) == (rest, "calls.jsonl:2[1]")
        assert "in the middle of its array" in (last.reason or "")


@pytest.mark.parametrize("content", [LINES * 400, b"[" + b",\n".join([ONE, OTHER] * 400) + b"]"], ids=["lines", "array"])
@pytest.mark.parametrize("harm", ["cut off", "without its checksum", "damaged"])
def test_of_a_file_that_cannot_be_unpacked_to_its_end_what_comes_before_is_read_and_the_rest_is_a_record_with_the_reason(
    content: bytes, harm: str
) -> None:
    # Not too alike, so that something comes before.
    rng = Random(7)
    content = content.replace(b"1", b"".join(b"%d" % rng.randrange(10) for _ in range(9)))
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    harmed = {"cut off": packed[: len(packed) * 2 // 3], "without its checksum": packed[:-8], "damaged": packed[:-8] + b"\0" * 8}[harm]
    *before, last = of_file(harmed)
    whole = list(of_file(content))
    assert [one.raw for one in before] == [one.raw for one in whole[: len(before)]]
    assert len(before) == len(whole) if harm != "cut off" else 0 < len(before) < len(whole)
    assert "it is packed with gzip, and" in (last.reason or "")
    assert all(one.reason is None for one in before)


def test_half_of_a_letter_makes_its_line_unreadable_and_no_other() -> None:
    content = b"\xff\xfe" + '{"a":"x"}\n{"a":"\ud83d"}\n{"b":"y"}\n{'.encode("utf-16-le", "surrogatepass") + b"\x7b"
    first, half, last, cut = raws(content)
    assert (first, last) == (b'{"a":"x"}', b'{"b":"y"}')
    for one in (half, cut):
        with pytest.raises(UnicodeDecodeError):
            one.decode()


class Slow(io.BytesIO):
    """A pipe whose writer gives a byte now and then."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(1)


@pytest.mark.parametrize(
    "content", [*LAYOUTS.values(), gzip.compress(LINES, mtime=0), LINES.decode().encode("utf-16")], ids=[*LAYOUTS, "packed", "UTF-16"]
)
def test_a_slow_pipe_gives_the_same(content: bytes) -> None:
    assert [one.raw for one in records(Slow(content), "in", "in")] == raws(content)


TEXT = st.text('a"\\[]{},:\n\u00e9', max_size=6)
ANYTHING = st.recursive(
    st.none() | st.integers() | TEXT, lambda some: st.lists(some, max_size=3) | st.dictionaries(TEXT, some, max_size=3), max_leaves=6
)


@settings(max_examples=50)
@given(st.lists(ANYTHING, max_size=5), st.data())
def test_the_elements_of_any_array_are_found_whatever_pieces_it_comes_in(elements: list[object], data: st.DataObject) -> None:
    content = json.dumps(elements, indent=data.draw(st.none() | st.integers(0, 2))).encode()
    cut = data.draw(st.integers(0, len(content)))
    found = list(values([content[:cut], content[cut:]]))
    assert [json.loads(value.raw) for value in found] == elements
    assert [value.element for value in found] == list(range(len(found)))


@given(st.binary())
def test_whatever_the_bytes_are_none_is_lost_but_what_is_between_values(content: bytes) -> None:
    kept = b"".join(value.raw for value in values([content]))
    assert set(kept) <= set(content)
    unkept = content.translate(None, b" \t\r\n\x0b\x0c,[]")
    assert kept.translate(None, b" \t\r\n\x0b\x0c,[]") == unkept


def test_an_element_that_is_too_large_is_kept_by_its_beginning_and_the_next_is_read() -> None:
    first, large, last = of_file(b'[%b, {"x": "%b"}, %b]' % (ONE, b"x" * LINE_BYTES_MAX, OTHER))
    assert (first.raw, last.raw, large.whole and large.whole.length) == (ONE, OTHER, LINE_BYTES_MAX + len('{"x": ""}'))
    assert "bytes" in (large.reason or "")


def test_a_file_without_lines_has_no_bound() -> None:
    one = b'{"a": "%b"}' % (b"}{" * 500)
    assert raws(one * 20_000) == [one] * 20_000


def test_a_packed_file_is_unpacked_piece_by_piece() -> None:
    packing = zlib.compressobj(wbits=31)
    packed = b"".join([*(packing.compress(b" " * 1_000_000) for _ in range(300)), packing.compress(b"\n" + ONE), packing.flush()])
    tracemalloc.start()
    assert placed(packed) == [(":2", ONE)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
