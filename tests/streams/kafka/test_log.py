"""What a record of the topic is to us, whoever published it and however: the same touchpoint, or a dead letter that lost nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from journey.errors import NotPlaced
from schemas.cloudevents import from_headers
from schemas.decode import Decoded, decode
from schemas.incoming import Incoming
from streams.arrivals import REASON_LENGTH_MAX, decoded_of
from streams.kafka import log as logs
from streams.kafka.log import NAME_LENGTH_MAX, KafkaLog
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, ensure_topics
from streams.operators import By
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord
from streams.set_aside import set_aside
from streams.units import Recorded
from tests.examples import example
from tests.streams.builders import at, sent
from tests.streams.kafka.clients import Headers, Sent, beating, publish, publish_raw, sending

JSON = ("content-type", b"application/json")
STRUCTURED = ("content-type", b"application/cloudevents+json")
TOUCHPOINT = orjson.dumps(example("page_view"))


def binary(type: str = "page_view", *, mode: Headers = (JSON,), **attributes: Any) -> Sent:
    """A touchpoint in binary mode, some attributes replaced."""
    event = {**example(type), **attributes}
    value = orjson.dumps(event.pop("data"))
    return Sent(value, [*mode, *((f"ce_{name}", text.encode()) for name, text in event.items())])


async def arrived(settings: KafkaSettings, *records: Sent | bytes, **client: Any) -> Sequence[Recorded]:
    await publish(settings, *records, **client)
    return await KafkaLog(settings).read(0, after=-1, limit=100)


@pytest.mark.usefixtures("topic_id")
async def test_both_modes_of_a_touchpoint_are_the_same_touchpoint(settings: KafkaSettings) -> None:
    other = {"source": "urn:caf\u00e9 50%25", "id": "a%20b \u20ac", "subject": "user:\u00fc"}
    records = await arrived(
        settings,
        TOUCHPOINT,
        Sent(TOUCHPOINT, [("Content-Type", b"APPLICATION/CloudEvents+JSON; charset=UTF-8")]),
        Sent(TOUCHPOINT, [STRUCTURED, ("ce_id", example("page_view")["id"].encode()), ("traceparent", b"\xff"), ("x", None)]),
        binary(),
        binary(mode=[]),
        binary(mode=[("content-type", b"application/json; charset=utf-8")]),
        # The binding for Kafka, unlike that for HTTP, encodes nothing: a header is UTF-8, and a percent sign is one.
        orjson.dumps({**example("page_view"), **other}),
        binary(**other),
    )
    found = [decode(one.incoming.raw) for one in records]
    assert found[:6] == [decode(TOUCHPOINT)] * 6
    assert found[6] == found[7]
    assert (found[7].touch.source, found[7].touch.id, found[7].touch.subject) == (other["source"], other["id"], other["subject"])
    assert [one.offset for one in records] == list(range(8))


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.usefixtures("topic_id")
async def test_a_compressed_record_arrives(settings: KafkaSettings, compression: str) -> None:
    (found,) = await arrived(settings, TOUCHPOINT, compression_type=compression)
    assert found.incoming.raw == TOUCHPOINT


@pytest.mark.usefixtures("topic_id")
async def test_the_key_makes_no_difference(settings: KafkaSettings) -> None:
    keys = [None, b"", b"user:7", b"anon:another", b"\xff\0"]
    found = await arrived(settings, *(Sent(TOUCHPOINT, key=key) for key in keys))
    assert {one.incoming.raw for one in found} == {TOUCHPOINT}


@pytest.mark.usefixtures("topic_id")
async def test_what_a_senders_transaction_took_back_was_never_sent(settings: KafkaSettings) -> None:
    topic = Topics(settings).touchpoints
    async with sending(settings, transactional_id=f"{settings.prefix}-sender") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"taken back", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, TOUCHPOINT, partition=0)
    assert [one.incoming.raw for one in await KafkaLog(settings).read(0, after=-1, limit=100)] == [TOUCHPOINT]


@pytest.mark.usefixtures("topic_id")
async def test_a_header_of_ours_without_a_value_is_none(settings: KafkaSettings) -> None:
    (found,) = await arrived(settings, Sent(TOUCHPOINT, [("journey_source", None), ("journey_place", None), ("journey_reason", None)]))
    assert (found.incoming.raw, found.incoming.source) == (TOUCHPOINT, Topics(settings).touchpoints)


@pytest.mark.usefixtures("topic_id")
async def test_a_header_of_ours_says_as_much_as_it_may_whoever_sent_it(settings: KafkaSettings) -> None:
    id = b"0123456789abcdef" * 4
    no_ids = [b"x" * 10_000, id[1:], id + b"0", id.upper(), b"\xff" * 64, b""]
    found = await arrived(settings, *(Sent(TOUCHPOINT, [("journey_letter", one)]) for one in (id, *no_ids)))
    assert [one.incoming.letter for one in found] == [id.decode(), *[None] * len(no_ids)]
    wide = "\U0001f600".encode() * 100_000
    told = (await arrived(settings, Sent(b"{", [("journey_source", b"a\0" + wide), ("journey_place", wide)])))[-1]
    assert (len(told.incoming.source), len(told.incoming.place)) == (NAME_LENGTH_MAX, NAME_LENGTH_MAX)
    assert told.incoming.source.startswith("a\ufffd")
    assert told.incoming.source.endswith("…")


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.usefixtures("topic_id")
async def test_header_names_that_are_no_utf8_stop_nobody_and_no_byte_is_lost(settings: KafkaSettings, gzipped: bool) -> None:
    batch = [
        Sent(TOUCHPOINT),
        Sent(TOUCHPOINT, [("x_name", b"the sender's own")]),
        Sent(TOUCHPOINT, [("ce_x_name", b"1")]),
        Sent(TOUCHPOINT),
    ]
    await publish_raw(settings, *batch, name=b"x\xff\x00\xe9me", instead_of="x_name", gzipped=gzipped)
    before, foreign, refused, after, _ = await arrived(settings, TOUCHPOINT)
    assert [one.incoming.raw for one in (before, foreign, after)] == [TOUCHPOINT] * 3
    assert isinstance(decoded_of(before.incoming), Decoded)
    assert refused.incoming.reason == r"header 'ce_x\udcff\x00\udce9me' is not UTF-8"
    assert refused.incoming.raw == b"ce_x\xff\x00\xe9me: 1\r\n\r\n" + TOUCHPOINT


@pytest.mark.usefixtures("topic_id")
async def test_a_file_comes_by_kafka_as_it_comes_embedded(settings: KafkaSettings) -> None:
    row = Incoming(b"7;shoes", "crm.csv", "crm.csv:17", body=TOUCHPOINT)
    async with KafkaLog(settings) as log:
        await log.append([row], 1)
    assert (await log.read(0, after=-1, limit=1))[0].incoming == row
    assert isinstance(decoded_of(row), Decoded)


CONTRADICTION = [STRUCTURED, ("ce_id", b"another"), ("ce_type", b"ad_click"), ("ce_subject", b"user:8")]
UNREADABLE = {
    "tombstone": (Sent(None, key=b"user:7"), "empty", b""),
    "no value": (Sent(b""), "empty", b""),
    "blank": (Sent(b" \n"), "empty", b" \n"),
    "not JSON": (Sent(b'{"half'), "not-json", b'{"half'),
    "not UTF-8": (Sent(b'"\xff"'), "not-utf-8", b'"\xff"'),
    "NUL": (Sent(b'{"id":"\\u0000"}'), "nul", b'{"id":"\\u0000"}'),
    "bytes of zero": (Sent(b"\0\0"), "nul", b"\0\0"),
    "too deep": (Sent(b"[" * 100_000), "too-deep", b"[" * 100_000),
    "too large": (Sent(b'"' + b"x" * 1_500_000 + b'"'), "too-large", b'"' + b"x" * 1_500_000 + b'"'),
    "larger than Kafka takes by itself": (Sent(b"y" * 16_000_000), "too-large", b"y" * 16_000_000),
    "header of another id": (
        Sent(TOUCHPOINT, CONTRADICTION),
        "headers-contradict-body",
        b"content-type: application/cloudevents+json\r\nce_id: another\r\nce_type: ad_click\r\nce_subject: user:8\r\n\r\n" + TOUCHPOINT,
    ),
    "header twice": (
        Sent(b"{}", [("ce_id", b"1"), ("ce_id", b"2")]),
        "header-twice",
        b"ce_id: 1\r\nce_id: 2\r\n\r\n{}",
    ),
    "header not UTF-8": (Sent(b"{}", [("x", b"y"), ("ce_id", b"\xff")]), "not-utf-8", b"ce_id: \xff\r\n\r\n{}"),
    "a letter's id that is none": (Sent(b"{of a letter", [("journey_letter", b"x" * 10_000)]), "not-json", b"{of a letter"),
    "binary tombstone": (Sent(None, [("ce_id", b"1")], key=b"user:7"), "empty", b"ce_id: 1\r\n\r\n"),
}


async def test_what_cannot_be_read_is_kept_whole_with_its_place_and_the_rest_goes_on(
    settings: KafkaSettings, record: PostgresRecord
) -> None:
    """From Kafka through source, pump and placement into PostgreSQL."""
    twins = [binary(subject="deal:1"), binary(subject="deal:2")]
    after = sent("page_view", "user:9", at(0))
    records = [one for one, _, _ in UNREADABLE.values()] + [*twins, Sent(after)]
    await publish(settings, *records)
    async with beating(settings, record) as heart:
        await heart.reached(p0=len(records) - 1)
    desk = PostgresDesk(record.database)
    shown = [await desk.show(one.number) for one in await desk.kept(after=0, limit=100)]
    kept = {one.kept.place: one for one in shown if one is not None}
    topic = Topics(settings).touchpoints
    seen = set()
    for offset, (name, (_, code, raw)) in enumerate(UNREADABLE.items()):
        if raw in seen:
            continue
        seen.add(raw)
        letter = kept.pop(f"{topic}[0]@{offset}")
        assert (letter.kept.code, letter.raw, letter.kept.source) == (code, raw, topic), name
        assert letter.kept.reason, name
    # Equal data, and two events: what their headers say is kept as well, and can be sent again.
    assert [orjson.loads(one.raw)["subject"] for one in kept.values()] == ["deal:1", "deal:2"]
    assert {one.kept.code for one in kept.values()} == {"wrong-subject"}
    assert len((await record.bodies(["user:9"]))["user:9"]) == 1
    assert all("dead letters" in one for one in heart.said)


async def test_whatever_our_headers_say_a_record_is_kept_and_the_rest_goes_on(settings: KafkaSettings, record: PostgresRecord) -> None:
    wide = "\U0001f600".encode() * 100_000
    forged = [("journey_source", wide), ("journey_place", b"\0" + wide), ("journey_reason", b"\0" + wide), ("journey_letter", wide)]
    await publish(settings, Sent(b"{", forged), Sent(TOUCHPOINT, [JSON, ("journey_letter", b"0" * 64)]), Sent(b"{", [(forged[3])]))
    async with beating(settings, record) as heart:
        await heart.reached(p0=2)
    first, second = await PostgresDesk(record.database).kept(after=0, limit=9)
    assert (first.code, second.code) == ("unmapped", "not-json")
    assert (len(first.source), len(first.place), len(first.reason)) == (NAME_LENGTH_MAX, NAME_LENGTH_MAX, REASON_LENGTH_MAX)
    assert (await record.counted()).accepted == 1


async def test_a_record_that_we_fail_to_read_is_named_and_can_be_set_aside(
    settings: KafkaSettings, record: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(headers: Headers, value: bytes | None) -> bytes:
        if value == b"poison":
            raise ZeroDivisionError("of ours")
        return from_headers(headers, value)

    monkeypatch.setattr(logs, "from_headers", failing)
    await publish(settings, Sent(TOUCHPOINT, [JSON]), Sent(b"poison", [JSON]), binary(id="after"))
    topic = Topics(settings).touchpoints
    named = rf"topic {topic}: placing partition 0 offsets 0 to 2 ended in ZeroDivisionError: of ours\. .* partition 0, offset 1 "
    async with beating(settings, record) as heart:
        with pytest.raises(NotPlaced, match=named):
            await heart.reached(p0=2)
    assert await record.offsets() == {0: 0}
    desk = PostgresDesk(record.database)
    await set_aside(KafkaLog(settings), record, desk, record.topic, 0, 1, By(1, "ann", "a bug"))
    async with beating(settings, record) as heart:
        await heart.reached(p0=2)
    (letter,) = await desk.kept(after=0, limit=9)
    assert (letter.code, letter.length, letter.place) == ("set-aside", len(b"poison"), f"{topic}[0]@1")
    assert (await record.counted()).accepted == 2


async def test_the_partitions_of_the_log_are_those_of_the_topic(settings: KafkaSettings) -> None:
    three = replace(settings, partitions=3)
    await ensure_topics(three)
    assert sorted(await KafkaLog(three).partitions()) == [0, 1, 2]


async def test_a_contradiction_says_which_header_and_what_both_say(settings: KafkaSettings, topic_id: str) -> None:
    for header in CONTRADICTION[1:]:
        found = (await arrived(settings, Sent(TOUCHPOINT, [header])))[-1]
        assert found.incoming.reason is not None
        assert f"{header[0]} is {header[1].decode()!r}" in found.incoming.reason
