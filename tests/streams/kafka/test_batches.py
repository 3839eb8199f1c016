"""Batches are unpacked with bounds, and are what aiokafka's own reader makes of them where that has none to fear."""

from hashlib import sha256
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.incoming import BEGINNING_BYTES, WholeRecord
from streams.arrivals import dead_letter
from streams.kafka import batches, large, unpacking
from streams.kafka.batches import SMALL_BYTES_MAX, Records
from streams.kafka.large import HEAD, HEADERS_MAX, RECORD_BYTES_MAX, Cut, LargeBatch, LargeReading
from streams.kafka.log import recorded
from streams.kafka.unpacking import SNAPPY, ZSTD, pieces
from streams.units import Recorded
from tests.streams.kafka.packing import CODECS, MB, Told, batch, built, in_frames, packed, record, varint

CODEC = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
PACKED = pytest.mark.parametrize("codec", [one for one in CODECS.values() if one], ids=[name for name in CODECS if name != "none"])


def plainly(records: Any) -> list[tuple[Any, ...]]:
    return [(one.offset, one.timestamp, one.timestamp_type, one.key, one.value, tuple(one.headers)) for one in records]


def theirs(raw: bytes) -> list[tuple[Any, ...]]:
    records = MemoryRecords(raw)
    found = []
    while records.has_next():
        found += plainly(records.next_batch())
    return found


def reading(offset: int, raw: bytes, after: int = -1) -> LargeReading:
    return LargeReading(ConsumerRecord("t", 0, offset, -1, 0, None, LargeBatch(raw), None, -1, -1, ()), after)


def ours(raw: bytes, after: int = -1) -> list[ConsumerRecord]:
    """As a worker reads them, large batches too."""
    records = Records(raw)
    found = []
    while records.has_next():
        for one in records.next_batch():
            found += reading(one.offset, one.value, after).cut(10**9, 10**12) if type(one.value) is LargeBatch else [one]
    return found


def letter(one: ConsumerRecord) -> str:
    """The id of the dead letter that it becomes."""
    return dead_letter(Recorded(0, one.offset, 0, recorded(one).incoming), "too-large", "", None).id


BYTES = st.none() | st.binary(max_size=300)
HEADERS = st.lists(st.tuples(st.sampled_from(["ce_id", "content-type", "journey_place"]), BYTES), max_size=3)


@CODEC
@settings(max_examples=40)
@given(told=st.lists(st.tuples(BYTES, BYTES, HEADERS), min_size=1, max_size=20))
def test_an_ordinary_batch_is_what_aiokafka_reads_and_so_is_one_that_is_read_record_by_record(codec: int, told: list[Told]) -> None:
    raw = built(told, codec)
    assert plainly(ours(raw + raw)) == theirs(raw + raw)
    assert plainly(reading(len(told) - 1, raw).cut(10**9, 10**12)) == theirs(raw)


@PACKED
@pytest.mark.parametrize("size", [1_000, SMALL_BYTES_MAX])
def test_frames_one_after_the_other_are_one_batch(codec: int, size: int) -> None:
    values = [b"a" * size, b"b" * size, b"c"]
    plain = b"".join(part for offset, value in enumerate(values) for part in record(offset, value))
    assert [one.value for one in ours(batch(in_frames(codec, plain), 3, codec))] == values


@PACKED
def test_of_a_bomb_beginning_length_and_hash_are_kept_and_what_is_around_it_is_read(codec: int) -> None:
    value = b"x" + b" " * (60 * MB)
    parts = [*record(0, b"before"), *record(1, b"x", filled=60), *record(2, b"after")]
    before, bomb, after = ours(batch(packed(codec, parts), 3, codec))
    assert (before.value, after.value) == (b"before", b"after")
    assert bomb.value == value[:BEGINNING_BYTES]
    assert isinstance(bomb.value, Cut)
    assert bomb.value.whole == WholeRecord(len(value), sha256(value).hexdigest())


@PACKED
def test_no_piece_is_larger_than_some_megabytes(codec: int) -> None:
    sizes = [len(piece) for piece in pieces(codec, memoryview(packed(codec, [b" " * MB] * 100)))]
    assert sum(sizes) == 100 * MB
    assert max(sizes) <= 4 * MB


def test_many_small_records_of_a_large_batch_come_a_few_at_a_time() -> None:
    count = 200_000
    parts = (part for offset in range(count) for part in record(offset, b"a small one"))
    (one,) = Records(batch(packed(ZSTD, parts), count, ZSTD)).next_batch()
    large_one = reading(one.offset, one.value)
    offsets = []
    while not large_one.is_done:
        some = large_one.cut(70_000, 100_000_000)
        assert len(some) <= 70_000
        offsets += [each.offset for each in some]
    assert offsets == list(range(count))


def test_it_goes_on_in_the_middle() -> None:
    parts = [part for offset in range(5) for part in record(offset, b"%d" % offset, filled=1)]
    assert [one.offset for one in ours(batch(packed(ZSTD, parts), 5, ZSTD), after=2)] == [3, 4]


def test_of_a_batch_without_end_what_was_read_counts_and_the_rest_is_one_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "UNPACKED_BYTES_MAX", 30 * MB)
    parts = [*record(0, b"before"), *record(1, b"", filled=10), *record(2, b"", filled=25), *record(3, b"never read")]
    raw = batch(packed(ZSTD, parts), 4, ZSTD)
    before, middle, rest = ours(raw)
    assert (before.value, len(middle.value), rest.offset) == (b"before", 10 * MB, 3)
    assert rest.value.whole == WholeRecord(len(raw), sha256(raw).hexdigest())
    assert "what comes after offset 1 in it is not read" in rest.value.reason
    assert [one.offset for one in ours(raw, after=1)] == [3]
    assert ours(raw, after=3) == []


@PACKED
@pytest.mark.parametrize("size", [1_000, 3 * MB])
def test_what_is_cut_off_or_damaged_is_corrupt_and_never_something_else(codec: int, size: int) -> None:
    whole = packed(codec, record(0, b"".join(b"%d," % number for number in range(size // 4))))
    for wrong in (whole[: len(whole) // 2], whole[:-9], b"\xff" * 100, b""):
        with pytest.raises(CorruptRecordException):
            ours(batch(wrong, 1, codec))


@pytest.mark.parametrize(
    "wrong",
    [
        varint(3 * MB) + b"\0\0\0\1" + varint(3 * MB),
        varint(3 * MB) + b"\0\0\0" + varint(2**31 - 1),
        varint(-5) + b"\0\0\0\1\1\0",
        b"\x80" * 20,
    ],
    ids=["a value longer than its record", "a key longer than all", "a length below nothing", "a number without end"],
)
def test_lengths_that_lie_are_corrupt(wrong: bytes) -> None:
    with pytest.raises(CorruptRecordException):
        ours(batch(packed(ZSTD, [wrong, b" " * (3 * MB)]), 1, ZSTD))


# --- Snappy, of which a block is unpacked by ourselves where it is large


@settings(max_examples=200)
@given(parts=st.lists(st.tuples(st.binary(min_size=1, max_size=80), st.integers(1, 3_000)), max_size=20))
def test_a_large_block_of_snappys_unpacks_to_the_same(parts: list[tuple[bytes, int]]) -> None:
    plain = b"".join(text * times for text, times in parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpacking, "SNAPPY_BLOCK_BYTES_MAX", -1)
        patch.setattr(unpacking, "PIECE_BYTES", 1_000)
        assert b"".join(pieces(SNAPPY, memoryview(packed(SNAPPY, [plain])))) == plain


def test_copies_from_far_back_cost_what_they_copy() -> None:
    """1,500,000 copies of 64 bytes each, from nearly the whole reach behind: with what lies between, they would take minutes."""
    start, times = 900_000, 1_500_000
    copy = bytes([63 << 2 | 3]) + start.to_bytes(4, "little")
    block = varint_plain(start + 64 * times) + bytes([63 << 2]) + (start - 1).to_bytes(4, "little") + b"\0" * start + copy * times
    assert sum(map(len, pieces(SNAPPY, memoryview(block)))) == start + 64 * times


def varint_plain(number: int) -> bytes:
    """As Snappy has it."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


# --- headers


def text(value: bytes) -> bytes:
    return varint(len(value)) + value


def test_a_senders_own_headers_are_passed_over_whatever_their_size() -> None:
    headers = varint(3) + text(b"x" * MB) + varint(-1) + text(b"blob") + text(b" " * (40 * MB)) + text(b"ce_id") + text(b"7")
    (one,) = ours(batch(packed(ZSTD, record(0, b"{}", headers)), 1, ZSTD))
    assert (one.value, one.headers) == (b"{}", (("ce_id", b"7"),))


def test_of_a_bomb_in_the_headers_the_letter_has_length_and_hash_of_the_whole_event() -> None:
    headers = varint(2) + text(b"ce_id") + text(b"7") + text(b"ce_x") + text(b" " * (40 * MB))
    event = b"ce_id: 7\r\nce_x: " + b" " * (40 * MB) + b"\r\n\r\n{}"
    (one,) = ours(batch(packed(ZSTD, record(0, b"{}", headers)), 1, ZSTD))
    assert one.value == event[:BEGINNING_BYTES]
    assert one.value.whole == WholeRecord(len(event), sha256(event).hexdigest())


def test_more_headers_than_are_read_make_a_letter_of_their_own() -> None:
    def with_headers(count: int) -> ConsumerRecord:
        (one,) = ours(batch(packed(ZSTD, record(0, b" " * (3 * MB), varint(count) + b"\0\1" * count)), 1, ZSTD))
        return one

    assert with_headers(HEADERS_MAX).value == b" " * (3 * MB)
    first, second = with_headers(HEADERS_MAX + 1), with_headers(HEADERS_MAX + 2)
    assert "100,001 headers" in first.value.reason
    assert letter(first) != letter(second)


def test_bombs_that_begin_alike_are_two_letters_and_the_same_one_twice_is_one() -> None:
    def bomb(end: bytes) -> ConsumerRecord:
        (one,) = ours(batch(packed(ZSTD, [*record(0, b" " * (RECORD_BYTES_MAX + 1) + end)]), 1, ZSTD))
        return one

    assert letter(bomb(b"a")) == letter(bomb(b"a")) != letter(bomb(b"b"))
    found = recorded(bomb(b"a")).incoming
    assert found.whole is not None
    assert letter(bomb(b"a")) != dead_letter(Recorded(0, 0, 0, found._replace(whole=None)), "too-large", "", None).id


def test_a_header_name_that_is_no_utf8_is_read_in_a_large_batch_too() -> None:
    headers = varint(1) + text(b"ce_\xff") + text(b"1")
    (one,) = ours(batch(packed(ZSTD, record(0, b" " * (3 * MB), headers)), 1, ZSTD))
    assert one.headers == (("ce_\udcff", b"1"),)


def test_a_batch_is_never_unpacked_where_its_records_are_not_asked_for() -> None:
    """Transactions that were taken back, and control batches: what a batch says of itself is read from its head."""
    made = next(iter([Records(batch(b"no frame at all", 1, ZSTD)).next_batch()]))
    assert (made.validate_crc(), made.base_offset, made.next_offset, made.is_control_batch, made.is_transactional) == (
        True,
        0,
        1,
        False,
        False,
    )
    assert HEAD.size == 61
    assert batches.SMALL_BYTES_MAX < RECORD_BYTES_MAX
