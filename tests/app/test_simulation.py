"""The simulated company: the same bytes everywhere, all of them readable, and figures that one would believe."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import orjson
import pytest

from app.simulation.shares import deal_out
from app.simulation.spoiling import KINDS, LATER_MAX, TOO_LARGE_BYTES, Breaking, spoil
from app.simulation.world import simulate
from journey.touchpoints import TYPES
from schemas.decode import Unreadable, decode

START = date(2025, 1, 1)
ROOT = Path(__file__).parents[2]
ARGUMENTS: dict[str, Any] = {"customers": 1, "days": 1, "seed": 1, "start": START}


def lines(*, customers: int = 60, days: int = 40, seed: int = 7) -> list[bytes]:
    return list(simulate(customers=customers, days=days, seed=seed, start=START))


@pytest.fixture(scope="module")
def year_half() -> list[bytes]:
    return lines(customers=2000, days=180)


class World:
    """What the raw lines say. People are ids that links connect; what was taken back, robots and tests do not count."""

    def __init__(self, raw: list[bytes]) -> None:
        events = [orjson.loads(line) for line in raw]
        void = {(e["subject"], e["data"]["of_source"], e["data"]["of_id"]) for e in events if e["type"] == "retracted"}
        self.events: list[dict[str, Any]] = [
            e
            for e in events
            if (e["subject"], e["source"], e["id"]) not in void
            and not (e["data"].get("bot") or e["data"].get("test") or e["data"].get("network") == "internal")
        ]
        links = {}
        for e in self.of("identified", "unlinked"):
            links[e["subject"], e["data"]["other"]] = e["type"] == "identified"
        self.next_id: dict[str, str] = {}
        for (one, other), linked in links.items():
            if linked and self.person(one) != self.person(other):
                self.next_id[self.person(one)] = self.person(other)

    def of(self, *types: str) -> Iterator[dict[str, Any]]:
        return (e for e in self.events if e["type"] in types)

    def person(self, id: str) -> str:
        while id in self.next_id:
            id = self.next_id[id]
        return id

    def people(self, *types: str, **data: tuple[str, ...]) -> set[str]:
        """Who had one of `types` with data as named."""
        return {self.person(e["subject"]) for e in self.of(*types) if all(e["data"][k] in v for k, v in data.items())}

    def messages(self, type: str) -> set[tuple[str, str]]:
        return {(self.person(e["subject"]), e["data"]["message"]) for e in self.of(type)}

    def last_closes(self) -> dict[str, dict[str, Any]]:
        return {e["data"]["deal"]: e for e in self.of("close")}


@pytest.fixture(scope="module", params=[7, 11])
def world(request: pytest.FixtureRequest) -> World:
    return World(lines(customers=6000, days=180, seed=request.param))


# What is sent


def test_the_same_arguments_give_the_same_bytes_in_any_process() -> None:
    program = (
        "from datetime import date; from hashlib import sha256\n"
        "from app.simulation.spoiling import spoil; from app.simulation.world import simulate\n"
        "good = simulate(customers=60, days=40, seed=7, start=date(2025, 1, 1))\n"
        "spoiled = spoil(good, seed=7, late=0.1, duplicates=0.1, shuffled=True, broken=0.02)\n"
        "print(sha256(b'\\n'.join(spoiled)).hexdigest())"
    )
    digests = set()
    for hash_seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("4711", "America/New_York")):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
        digests.add(ran.stdout.strip())
    here = spoil(lines(), seed=7, late=0.1, duplicates=0.1, shuffled=True, broken=0.02)
    assert digests == {sha256(b"\n".join(here)).hexdigest()}


def test_another_seed_gives_another_world_whose_touchpoints_never_claim_the_same_ids() -> None:
    one, other = ({(e["source"], e["id"]) for e in map(orjson.loads, lines(seed=seed))} for seed in (7, 8))
    assert not one & other


def test_lines_come_in_the_order_of_history_without_an_end_of_line() -> None:
    raw = lines(customers=300, days=90)
    places = [(e["time"], e["source"], e["id"], e["subject"]) for e in map(orjson.loads, raw)]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert not any(b"\n" in line for line in raw)


def test_every_touchpoint_is_one_of_the_vocabulary_with_all_that_it_must_carry(year_half: list[bytes]) -> None:
    for line in year_half:
        assert decode(line).unknown == ()


def test_every_type_of_the_vocabulary_occurs(year_half: list[bytes]) -> None:
    assert {orjson.loads(line)["type"] for line in year_half} == TYPES.keys()


def test_no_id_is_used_twice(year_half: list[bytes]) -> None:
    ids = Counter((e["source"], e["id"]) for e in map(orjson.loads, year_half))
    assert max(ids.values()) == 1


@pytest.mark.parametrize(("customers", "days"), [(1, 1), (1, 200), (3, 10), (200, 2), (500, 30), (40, 400)])
def test_a_world_of_any_size_plays_only_on_its_own_days(customers: int, days: int) -> None:
    end = START + timedelta(days=days)
    raw = lines(customers=customers, days=days)
    assert raw
    for line in raw:
        event = orjson.loads(line)
        assert START.isoformat() <= event["time"] < end.isoformat()
        for name in ("period_start", "period_end", "on", "ended_on", "start_on", "end_on", "term_start_on"):
            if name in event["data"]:
                assert START <= date.fromisoformat(event["data"][name]) < end
        decode(line)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"customers": 0}, "customers is 0"),
        ({"days": 0}, "days is 0"),
        ({"days": 10**7}, "days is 10000000"),
        ({"start": date(9999, 12, 31)}, "start is 9999-12-31"),
    ],
)
def test_a_world_that_cannot_be_is_refused_at_once(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        simulate(**{**ARGUMENTS, **wrong})


def test_spend_is_restated_under_the_same_key_at_a_later_time(year_half: list[bytes]) -> None:
    stated: dict[object, list[str]] = {}
    for e in World(year_half).of("spend_recorded"):
        data = e["data"]
        period = (data["period_start"], data["period_end"])
        key = data.get("statement") or (data["provider"], data["channel"], data["campaign"], period)
        stated.setdefault(key, []).append(data["stated_at"])
    restated = [times for times in stated.values() if len(times) > 1]
    assert len(restated) > len(stated) * 0.03
    assert all(times == sorted(set(times)) for times in restated)


def test_sales_acts_on_working_days(year_half: list[bytes]) -> None:
    acts = World(year_half).of("lead_accepted", "deal_opened", "close", "prospected")
    assert all(datetime.fromisoformat(e["time"]).weekday() < 5 for e in acts)


# Whether it is believable


def test_one_to_five_in_a_hundred_visitors_become_a_lead(world: World) -> None:
    visitors = world.people("page_view", "ad_click")
    leads = world.people("lead_created")
    assert 0.01 <= len(leads & visitors) / len(visitors) <= 0.05


def test_every_form_that_makes_a_lead_is_followed_by_the_lead_of_the_crm(world: World) -> None:
    assert world.people("form_submitted", intent=("contact", "demo", "trial")) == world.people("lead_created")


def test_twenty_to_forty_in_a_hundred_leads_become_an_mql(world: World) -> None:
    assert 0.2 <= len(world.people("lead_scored", grade=("mql",))) / len(world.people("lead_created")) <= 0.4


def test_mqls_are_visibly_keener_than_other_leads(world: World) -> None:
    leads, mqls = world.people("lead_created"), world.people("lead_scored", grade=("mql",))
    acts = Counter(world.person(e["subject"]) for e in world.of("content_download"))
    acts += Counter(world.person(e["subject"]) for e in world.of("page_view") if e["data"]["url"].endswith("/pricing"))
    assert median(acts[person] for person in mqls) >= 4
    assert median(acts[person] for person in leads - mqls) <= 1


def test_sales_accepts_sixty_to_ninety_in_a_hundred_mqls_and_qualifies_ten_to_thirty(world: World) -> None:
    mqls = world.people("lead_scored", grade=("mql",))
    assert 0.6 <= len(world.people("lead_accepted") & mqls) / len(mqls) <= 0.9
    assert 0.1 <= len(world.people("lead_qualified") & mqls) / len(mqls) <= 0.3


def test_fifteen_to_thirty_in_a_hundred_decided_deals_are_won(world: World) -> None:
    outcomes = Counter(close["data"]["outcome"] for close in world.last_closes().values())
    assert 0.15 <= outcomes["won"] / (outcomes["won"] + outcomes["lost"]) <= 0.3


def test_a_deal_is_won_in_thirty_to_ninety_days(world: World) -> None:
    opened = {e["data"]["deal"]: datetime.fromisoformat(e["time"]) for e in world.of("deal_opened")}
    won = {deal: close for deal, close in world.last_closes().items() if close["data"]["outcome"] == "won"}
    cycles = [(datetime.fromisoformat(close["time"]) - opened[deal]).days for deal, close in won.items()]
    assert 30 <= median(cycles) <= 90


def test_one_to_four_in_a_hundred_delivered_mails_are_clicked(world: World) -> None:
    delivered, clicked = world.messages("email_delivered"), world.messages("email_clicked")
    assert clicked <= delivered
    assert 0.01 <= len(clicked) / len(delivered) <= 0.04


def test_there_are_fifteen_to_twenty_touchpoints_for_each_person(world: World) -> None:
    assert 15 <= len(world.events) / 6000 <= 21


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_world_of_two_thousand_has_enough_deals_to_look_at(seed: int) -> None:
    closes = World(lines(customers=2000, days=180, seed=seed)).last_closes()
    assert 35 <= len(closes) <= 60
    assert sum(close["data"]["outcome"] == "won" for close in closes.values()) >= 8


def test_what_follows_a_deal_does_not_come_before_it(world: World) -> None:
    opened = {e["data"]["deal"]: e["time"] for e in world.of("deal_opened")}
    for e in world.events:
        deal = e["data"].get("deal")
        assert deal is None or opened[deal] <= e["time"]


def test_lots_are_dealt_out_in_their_proportion_to_the_nearest_whole_one() -> None:
    for count in (0, 1, 7, 2000):
        dealt = Counter(deal_out(count, (("a", 0.5), ("b", 0.3), ("c", 0.2)), Random(3)))
        assert dealt.total() == count
        assert all(abs(dealt[lot] - count * share) <= 1 for lot, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)))


# How it is spoiled


def is_readable(line: bytes) -> bool:
    try:
        decode(line)
    except Unreadable:
        return False
    return True


def contents(spoiled: list[bytes]) -> set[bytes]:
    """What readable lines say, however it is spelled."""
    return {orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) for line in spoiled if is_readable(line)}


def test_however_a_feed_is_spoiled_it_still_says_the_same() -> None:
    good = lines(customers=200, days=60)
    spoiled = list(spoil(good, seed=3, late=0.05, duplicates=0.05, shuffled=True, broken=0.05))
    assert contents(spoiled) == contents(good)
    assert set(good) <= set(spoiled)
    assert not any(b"\n" in line for line in spoiled)


def test_nothing_is_spoiled_unless_asked_for() -> None:
    good = lines()
    assert list(spoil(good, seed=1)) == good


def test_a_late_line_is_late_by_a_bounded_number_of_places() -> None:
    good = lines(customers=300, days=90)
    place = {line: n for n, line in enumerate(good)}
    spoiled = list(spoil(good, seed=1, late=0.05))
    assert sorted(spoiled) == sorted(good)
    behind = [here - place[line] for here, line in enumerate(spoiled)]
    assert 0 < max(behind) <= LATER_MAX
    # A line that is not late only moves forward, by as many places as there are late ones before it.
    assert 0.03 * len(good) <= sum(moved > 0 for moved in behind) <= 0.07 * len(good)


def test_duplicates_are_sent_again_some_of_them_in_another_spelling() -> None:
    good = lines(customers=300, days=90)
    spoiled = list(spoil(good, seed=1, duplicates=0.1))
    again = len(spoiled) - len(good)
    assert 0.08 * len(good) <= again <= 0.12 * len(good)
    respelled = set(spoiled) - set(good)
    assert 0.3 * again <= len(respelled) <= 0.7 * again
    assert contents(spoiled) == contents(good)


def test_shuffled_is_every_line_in_another_order() -> None:
    good = lines()
    spoiled = list(spoil(good, seed=1, shuffled=True))
    assert spoiled != good
    assert sorted(spoiled) == sorted(good)


def test_broken_records_are_added_and_none_of_them_can_be_read() -> None:
    good = lines(customers=300, days=90)
    spoiled = list(spoil(good, seed=1, broken=0.01))
    added = [line for line in spoiled if line not in set(good)]
    assert [line for line in spoiled if is_readable(line)] == good
    assert 0.005 * len(good) <= len(added) <= 0.015 * len(good)


def test_every_kind_of_breakage_is_unreadable_whatever_it_is_made_of() -> None:
    breaking = Breaking()
    for line in islice(lines(customers=200, days=60), len(KINDS) * 20):
        with pytest.raises(Unreadable):
            decode(breaking.like(line))


def test_a_record_too_large_to_take_is_rare() -> None:
    spoiled = spoil(lines(customers=200, days=60), seed=1, broken=1)
    assert 1 <= sum(len(line) >= TOO_LARGE_BYTES for line in spoiled) <= 2


@pytest.mark.parametrize("wrong", [{"late": 1.5}, {"duplicates": -0.1}, {"broken": float("nan")}])
def test_a_share_is_from_nothing_to_all(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; it is a share, from 0 to 1"):
        spoil([], seed=1, **wrong)
