"""A poison deck: single records that have stopped a worker, bent a number or drowned the rest before.

Each card makes records of its own, and says what is right: the touchpoints that they are, and the dead letters by code. What the soak
compares with the embedded runtime at its checkpoints, these are part of.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from journey.errors import Away
from journey.touchpoints import ID_LENGTH_MAX
from schemas.decode import Unreadable
from schemas.incoming import Incoming
from streams.arrivals import decoded_of
from streams.kafka.client import RECORD_BYTES_MAX
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics

SOURCE, LETTER = "poison", "journey_letter"
AT = "2025-03-01T10:00:00Z"
RETRY_SECONDS = 0.5
HUB_LINKS = 150
BOMB_BYTES = 64 * 1024 * 1024
"""Of blanks: a few kilobytes on their way."""
LARGE_BYTES = 15 * 1024 * 1024

Headers = list[tuple[str, bytes]]


@dataclass
class Dose:
    """What one card sends, and what is right."""

    sent: list[tuple[bytes, Headers]] = field(default_factory=list)
    touchpoints: list[bytes] = field(default_factory=list)
    letters: Counter[str] = field(default_factory=Counter)
    """Dead letters by code: each of them is another one."""
    compressed: bool = False

    def add(self, value: bytes, *headers: tuple[str, bytes]) -> "Dose":
        """Send `value`, which is what its bytes say, whatever `headers` say of letters."""
        self.sent.append((value, list(headers)))
        decoded = decoded_of(Incoming(value, "soak", "soak"))
        if isinstance(decoded, Unreadable):
            self.letters[decoded.code] += 1
        else:
            self.touchpoints.append(value)
        return self


def touchpoint(type: str, subject: str, id: str, **data: object) -> bytes:
    return orjson.dumps({"specversion": "1.0", "id": id, "source": "/poison", "type": type, "subject": subject, "time": AT, "data": data})


def _opened(deal: str, pipeline: str, people: list[str]) -> bytes:
    said = {"pipeline": pipeline, "stage": "new", "amount": "10.00", "currency": "EUR", "expected_close_on": "2025-06-30", "owner": "ann"}
    part = [{"person": one} for one in people]
    return touchpoint("deal_opened", f"deal:{deal}", "opened", deal=deal, kind="new", people=part, **said)


def _anything(number: int) -> bytes:
    return b"no touchpoint %d" % number


# --- the cards


def letter_id_without_end(number: int, chance: random.Random) -> Dose:
    """More than an entry of an index holds."""
    return Dose().add(_anything(number), (LETTER, chance.randbytes(5_000).hex().encode()))


def letter_id_of_nobody(number: int, chance: random.Random) -> Dose:
    """Two records that say they are one letter sent again, which nobody has."""
    forged = chance.randbytes(32).hex().encode()
    return Dose().add(_anything(number), (LETTER, forged)).add(b"another " + _anything(number), (LETTER, forged))


def letter_id_of_another(number: int, chance: random.Random) -> Dose:
    """A good touchpoint under the id of a letter that is open: that one stays open."""
    open_letter = _anything(number)
    stolen = letter_of(open_letter)
    return (
        Dose()
        .add(open_letter)
        .add(touchpoint("page_view", f"user:p{number}", f"stolen-{number}", url="https://a.example/"), (LETTER, stolen))
    )


def header_bytes(number: int, chance: random.Random) -> Dose:
    """Headers of ours with anything in them."""
    junk = b"\x00\xff\xd8\x00" + chance.randbytes(9_000)
    return Dose().add(_anything(number), (LETTER, junk), ("journey_place", junk))


def largest_amounts(number: int, chance: random.Random) -> Dose:
    """Amounts at and beyond the bound, several in one row of a table."""
    dose = Dose()
    for amount in ("90071992547409.92", "90071992547409.93", "9999999999999.99", "9" * 40):
        for nth in range(3):
            order = f"order-{number}-{len(amount)}-{amount[:6]}-{nth}"
            dose.add(touchpoint("order_placed", "user:rich", order, order="one", amount=amount, currency="EUR"))
    return dose


def hub(number: int, chance: random.Random) -> Dose:
    """Hundreds of ids that were all seen at one counter."""
    dose = Dose()
    for nth in range(HUB_LINKS):
        dose.add(touchpoint("identified", f"anon:p{number}-{nth}", f"hub-{number}-{nth}", other="user:kiosk"))
    return dose


def crowded_deal(number: int, chance: random.Random) -> Dose:
    people = [f"user:crowd{nth}" for nth in range(120)]
    return (
        Dose()
        .add(_opened(f"crowd{number}", "sales", people))
        .add(
            touchpoint(
                "close", f"deal:crowd{number}", f"close-{number}", deal=f"crowd{number}", outcome="won", amount="10.00", currency="EUR"
            )
        )
    )


def widest_ids(number: int, chance: random.Random) -> Dose:
    """Ids of characters of four bytes each that no database can compress."""

    def wide(length: int) -> str:
        return "".join(chr(chance.randrange(0x20000, 0x2A000)) for _ in range(length))

    id = f"user:{wide(ID_LENGTH_MAX - 5)}"
    return (
        Dose()
        .add(touchpoint("page_view", id, wide(ID_LENGTH_MAX), url="https://a.example/"))
        .add(touchpoint("identified", id, f"wide-{number}", other=f"anon:{wide(ID_LENGTH_MAX - 5)}"))
        .add(touchpoint("page_view", f"user:{wide(ID_LENGTH_MAX)}", f"long-{number}", url="https://a.example/"))
        .add(_opened(wide(ID_LENGTH_MAX - 5), wide(ID_LENGTH_MAX), [id]))
        .add(touchpoint("ad_click", id, f"campaign-{number}", campaign=wide(512), channel=wide(512), ad=wide(512)))
        .add(touchpoint("custom", id, f"name-{number}", name=wide(512)))
        .add(touchpoint("page_view", id, f"fields-{number}", url="https://a.example/", **{wide(5_000): 1}))
    )


def bomb(number: int, chance: random.Random) -> Dose:
    """Little on its way, much once it is unpacked; a good touchpoint right behind it."""
    dose = Dose(compressed=True)
    dose.sent.append((b" " * (BOMB_BYTES + number), []))
    dose.letters["too-large"] += 1
    return dose.add(touchpoint("page_view", f"user:p{number}", f"behind-{number}", url="https://a.example/"))


def large(number: int, chance: random.Random) -> Dose:
    dose = Dose()
    for nth in range(4):
        dose.sent.append((b"%d %d " % (number, nth) + b"x" * LARGE_BYTES, []))
        dose.letters["too-large"] += 1
    return dose


def empty(number: int, chance: random.Random) -> Dose:
    """Nothing but what says which record it is."""
    return Dose().add(b"\0" * (number + 1)).add(b"[" * (number + 40_000)).add(b'{"id": "\\ud800 %d"}' % number)


CARDS: tuple[Callable[[int, random.Random], Dose], ...] = (
    letter_id_without_end, letter_id_of_nobody, letter_id_of_another, header_bytes, largest_amounts, hub, crowded_deal, widest_ids, bomb,
    large, empty,
)  # fmt: skip


def letter_of(value: bytes) -> bytes:
    """The id under which a record of our topic with `value` is kept, as its header has it."""
    return sha256(SOURCE.encode() + b"\0" + value).hexdigest().encode()


class Poisoner:
    """Deals one card after the other. What Kafka has acknowledged is in `touchpoints` and `letters`."""

    def __init__(self, settings: KafkaSettings, chance: random.Random) -> None:
        self._settings = settings
        self._chance = chance
        self._number = 0
        self.touchpoints: list[bytes] = []
        self.letters: Counter[str] = Counter()
        self.dealt: Counter[str] = Counter()

    async def deal(self) -> str:
        """Send one dose, again and again until Kafka has all of it. Returns the card's name."""
        if self._number % len(CARDS) == 0:
            self._order = self._chance.sample(CARDS, len(CARDS))
        card = self._order[self._number % len(CARDS)]
        dose = card(self._number, self._chance)
        self._number += 1
        while True:
            try:
                await self._send(dose)
                break
            except (KafkaError, Away):
                await asyncio.sleep(RETRY_SECONDS)
        self.touchpoints += dose.touchpoints
        self.letters.update(dose.letters)
        name = card.__name__.replace("_", " ")
        self.dealt[name] += 1
        return name

    async def _send(self, dose: Dose) -> None:
        producer = AIOKafkaProducer(
            **self._settings.connection(),
            acks="all",
            compression_type="zstd" if dose.compressed else None,
            # What its sender may send: the broker looks at what comes, compressed.
            max_request_size=2 * BOMB_BYTES if dose.compressed else RECORD_BYTES_MAX,
        )
        await producer.start()
        try:
            for value, headers in dose.sent:
                await producer.send_and_wait(
                    Topics(self._settings).touchpoints, value, headers=[("journey_source", SOURCE.encode()), *headers]
                )
        finally:
            await producer.stop()
