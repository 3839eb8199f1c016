"""What is published in the simulator: some people, deals and campaigns, and all that real feeds do to them."""

import asyncio
import random
import zlib
from collections.abc import Sequence

import orjson

from journey.instants import DAY, iso
from streams.units import Recorded
from tests.faults.simulated import PARTITIONS, World
from tests.streams.builders import LATER, START, deal_opened, incoming, retraction, sent, unlink

PEOPLE = ("user:1", "user:2", "user:3", "anon:a", "anon:b", "anon:c")
DEALS = ("1", "2")


def touchpoints(chance: random.Random) -> list[bytes]:
    """Some people, deals and campaigns; links, retractions, conflicts; some lines twice, some that can't be read."""
    lines: list[bytes] = []
    for _ in range(chance.randrange(15, 45)):
        lines.append(_line(chance, lines))
    if chance.random() < 0.5:
        lines.sort(key=lambda line: line[line.find(b'"time"') :])
    lines += chance.sample(lines, len(lines) // 4)
    lines.insert(chance.randrange(len(lines)), b"{not a touchpoint")
    return lines


def _line(chance: random.Random, before: Sequence[bytes]) -> bytes:
    when = START + chance.randrange(0, 120) * DAY + chance.choice((0, 0, chance.randrange(DAY)))
    id = f"e{chance.randrange(40)}"
    one, other = chance.sample(PEOPLE, 2)
    deal = chance.choice(DEALS)
    match chance.choices(
        ("seen", "lead", "link", "unlink", "deal", "stage", "close", "order", "spend", "taken back", "other body"),
        (9, 5, 4, 1, 3, 3, 4, 3, 1, 2, 2),
    )[0]:
        case "seen":
            return sent(chance.choice(("page_view", "content_view", "demo", "call")), one, when, id=id)
        case "lead":
            of_lead = chance.choice(("form_submitted", "lead_created", "lead_assigned", "lead_accepted", "lead_qualified", "order_placed"))
            return sent(of_lead, one, when, id=id)
        case "link":
            return sent("identified", one, when, id=id, other=other, presumed=chance.choice((None, None, None, True)))
        case "unlink":
            return unlink(one, other, when, id=id)
        case "deal":
            return deal_opened(deal, when, *chance.sample(PEOPLE, chance.randrange(3)), id=id)
        case "close":
            stated = chance.choice((None, None, iso(START + chance.randrange(0, 120) * DAY)))
            whose = chance.choice((f"deal:{deal}", f"deal:{deal}", one))
            outcome = chance.choice(("won", "lost"))
            return sent("close", whose, when, id=id, deal=deal, outcome=outcome, reason="price", stated_at=stated)
        case "stage":
            outcome = chance.choice((None, "open", "won", "lost"))
            stage = chance.choice(("proposal", "won", "elsewhere"))
            return sent("deal_updated", f"deal:{deal}", when, id=id, stage=stage, stage_outcome=outcome)
        case "order":
            order, stated = chance.choice(("1", "#1", "2")), chance.choice((None, None, iso(when + DAY)))
            if chance.random() < 0.5:
                return sent("order_placed", one, when, id=id, order=order, stated_at=stated)
            refund, amount = chance.choice((None, "r")), chance.choice(("80.00", "850.00"))
            return sent("refund", one, when, id=id, order=order, refund=refund, amount=amount, stated_at=stated)
        case "spend":
            return sent("spend_recorded", "campaign:spring", when, id=id, campaign="spring")
        case "taken back" if before:
            return retraction(chance.choice(before), when, id=id)
        case _ if before:
            earlier = orjson.loads(chance.choice(before))
            return orjson.dumps(earlier | {"time": iso(when)})
        case _:
            return sent("page_view", one, when, id=id)


async def publish(world: World, lines: Sequence[bytes]) -> None:
    rest = list(lines)
    while rest:
        for line in rest[: world.chance.choice((1, 3, 12))]:
            key = line.split(b'"subject":"')[-1].split(b'"')[0]
            at = zlib.crc32(key) % PARTITIONS if world.chance.random() < 0.8 else world.chance.randrange(PARTITIONS)
            partition = world.log[at]
            partition.append(Recorded(at, len(partition), LATER, incoming(line, len(partition))))
            rest.pop(0)
        await asyncio.sleep(world.chance.choice((0, 0, world.chance.uniform(0, 5))))
