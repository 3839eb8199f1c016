"""Whatever arrives, in whatever order, cut into whatever units: the same facts, which are those of the whole set, read at once."""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey.definition import Definition
from journey.instants import DAY, HOUR, iso
from tests.examples import example
from tests.streams.builders import at, definition, noticing
from tests.streams.deliveries import Delivery, check

EXAMPLES = settings().max_examples
"""More with `--hypothesis-profile=soak`."""

TIGHT = definition(partners_max=3, ids_max=4, evidence_max=2, account_people_max=2)
TIGHT = TIGHT.model_copy(update={"attribution": TIGHT.attribution.model_copy(update={"touches_max": 2})})
"""Bounds that a handful of ids and touchpoints crosses."""

TIGHT = noticing(TIGHT)

SHARING = TIGHT.model_copy(update={"bounds": TIGHT.bounds.model_copy(update={"partners_max": 2, "users_per_device_max": 2})})
"""Devices of two users are joined, and of three are not."""

RESTLESS = TIGHT.model_copy(
    update={
        "lead": TIGHT.lead.model_copy(update={"withdrawn_below": 20}),
        "handoff": TIGHT.handoff.model_copy(update={"limit": HOUR, "expire_after": 20 * DAY, "business_time": False}),
    }
)
"""More that happens only because time passes."""

IDS = ("anon:a", "anon:b", "anon:c", "user:1", "user:2", "user:3", "user:m@x", "user:null")
DEALS = ("1", "2")
TIMES = tuple(at(day, hour) for day, hour in [(0, 0), (0, 10), (1, 0), (1, 10), (1, 11), (20, 0), (45, 12), (89, 12), (95, 0), (200, 0)])

Event = dict[str, Any]

ids = st.sampled_from(IDS)
some_ids = st.lists(ids, max_size=3, unique=True)
deals = st.sampled_from(DEALS)
maybe_deal = st.sampled_from((None, None, None, *DEALS))
times = st.sampled_from(TIMES)
numbers = st.integers(0, 12)
"""Few, so that one id often stands for two things: under one subject a conflict, under two ids of a person one touchpoint."""
campaigns = st.sampled_from(("spring", "autumn"))
stages = st.sampled_from((None, "discovery", "proposal", "won", "lost", "elsewhere"))
stated = st.sampled_from((None, None, *(iso(one) for one in TIMES)))


def event(type: str, subject: str, when: int, number: int, **data: Any) -> Event:
    made = example(type, **data)
    return made | {"subject": subject, "time": iso(when), "source": "st"[number % 2], "id": f"e{number}"}


@st.composite
def of_a_person(draw: st.DrawFn) -> Event:
    type, data = draw(
        st.sampled_from(
            [
                ("page_view", {"url": "/pricing"}), ("page_view", {"utm_source": "google", "utm_medium": "cpc", "campaign": "spring"}),
                ("page_view", {"test": True}), ("content_view", {"content": "guide"}), ("content_download", {}),
                ("form_submitted", {"intent": "demo"}), ("form_submitted", {"intent": "contact"}),
                ("email_clicked", {"campaign": "autumn"}),
                ("email_unsubscribed", {}), ("ad_click", {}), ("lead_created", {}), ("lead_assigned", {}), ("lead_accepted", {}),
                ("lead_rejected", {"reason": "not_ready"}), ("lead_recycled", {}), ("lead_disqualified", {}), ("lead_qualified", {}),
                ("lead_scored", {}), ("call", {}), ("call", {"outcome": "no_answer"}), ("demo", {}), ("order_placed", {}),
                ("order_placed", {"order": "#order-1", "amount": "50.00"}),
                ("order_placed", {"order": "2", "currency": "USD"}), ("order_placed", {"stated_at": iso(at(30)), "amount": "70.00"}),
                ("order_placed", {"stated_at": iso(at(40))}), ("refund", {}), ("refund", {"refund": "r"}),
                ("refund", {"refund": "r", "amount": "500.00", "stated_at": iso(at(40))}), ("refund", {"order": "2", "amount": "5.00"}),
                ("profile_updated", {"country": "DE"}), ("account_joined", {}), ("account_joined", {}),
                ("account_joined", {"account": "globex"}), ("account_left", {}), ("follow_up", {}), ("custom", {"name": "purchase"}),
            ]
        )
    )  # fmt: skip
    return event(type, draw(ids), draw(times), draw(numbers), **data | {"deal": draw(maybe_deal)})


@st.composite
def of_a_deal(draw: st.DrawFn) -> Event:
    type = draw(
        st.sampled_from(
            ["deal_opened", "deal_opened", "deal_updated", "deal_updated", "close", "close", "deal_reopened", "negotiation", "refund"]
        )
    )
    deal = draw(deals)
    data: Event = {"deal": deal}
    if type in ("deal_opened", "deal_updated"):
        people = [{"person": one, "primary": index == 0} for index, one in enumerate(draw(some_ids))]
        data |= {"people": people if type == "deal_opened" or people else None, "amount": draw(st.sampled_from(["900.00", "100.50"]))}
    if type in ("deal_opened", "deal_updated"):
        data |= {"stage": draw(stages), "stage_outcome": draw(st.sampled_from([None, None, "open", "won", "lost"]))}
        data |= {"pipeline": draw(st.sampled_from(["new_business", "another"]))} if type == "deal_opened" else {}
    if type == "close":
        data |= {"outcome": draw(st.sampled_from(["won", "won", "lost", "abandoned"])), "reason": "price", "stated_at": draw(stated)}
    if type == "refund":
        data |= {"order": None, "refund": draw(st.sampled_from([None, "r"])), "amount": draw(st.sampled_from(["80.00", "600.00"]))}
        data |= {"currency": draw(st.sampled_from(["EUR", "EUR", "USD"])), "stated_at": draw(stated)}
    subject = draw(ids) if type in ("close", "refund") and draw(st.booleans()) else f"deal:{deal}"
    return event(type, subject, draw(times), draw(numbers), **data)


@st.composite
def link_or_unlink(draw: st.DrawFn) -> Event:
    one, other = draw(st.lists(ids, min_size=2, max_size=2, unique=True))
    type = draw(st.sampled_from(["identified", "identified", "identified", "unlinked"]))
    presumed = {"presumed": draw(st.sampled_from([None, False, True, True]))} if type == "identified" else {}
    return event(type, one, draw(times), draw(numbers), other=other, deal=draw(maybe_deal), **presumed)


@st.composite
def of_an_account(draw: st.DrawFn) -> Event:
    account = draw(st.sampled_from(["account:acme", "account:acme", "account:globex"]))
    data = {"tier": draw(st.sampled_from(["a", None])), "deal": draw(maybe_deal)}
    return event("account_updated", account, draw(times), draw(numbers), **data)


@st.composite
def of_nobody(draw: st.DrawFn) -> Event:
    match draw(st.sampled_from(["spend", "launch", "end", "account", "refund"])):
        case "spend":
            campaign, stated = draw(campaigns), draw(st.sampled_from([None, iso(at(5)), iso(at(6))]))
            data = {"campaign": campaign, "amount": draw(st.sampled_from(["10.00", "31.00"])), "stated_at": stated}
            return event("spend_recorded", f"campaign:{campaign}", draw(times), draw(numbers), **data)
        case "launch":
            campaign = draw(campaigns)
            data = {"campaign": campaign, "aliases": draw(st.sampled_from([[], ["Spring!"]]))}
            return event("campaign_launched", f"campaign:{campaign}", draw(times), draw(numbers), **data)
        case "end":
            campaign = draw(campaigns)
            return event("campaign_ended", f"campaign:{campaign}", draw(times), draw(numbers), campaign=campaign)
        case "account":
            return draw(of_an_account())
        case _:
            return event("subscription_started", "account:acme", draw(times), draw(numbers), deal=draw(maybe_deal))


anything = st.one_of(of_a_person(), of_a_person(), of_a_deal(), link_or_unlink(), link_or_unlink(), of_nobody())
what_deals_say = st.one_of(of_a_deal(), of_a_deal(), of_a_deal(), of_a_deal(), of_a_person(), link_or_unlink())
members = st.builds(
    event,
    st.sampled_from(["account_joined", "account_joined", "account_joined", "account_left", "page_view"]),
    ids,
    times,
    numbers,
    deal=maybe_deal,
)
who_joined = st.one_of(members, members, of_an_account(), link_or_unlink())
who_is_who = st.one_of(link_or_unlink(), link_or_unlink(), st.builds(event, st.just("page_view"), ids, times, numbers, deal=maybe_deal))


@st.composite
def echo(draw: st.DrawFn, events: Sequence[Event]) -> Event:
    """Something about one of `events`: taken back, sent at another time, with another body, or under another id of somebody's."""
    first = deepcopy(draw(st.sampled_from(events)))
    match draw(st.sampled_from(["retracted", "retracted", "other time", "other body", "other body", "other id"])):
        case "retracted":
            taken = {"of_source": first["source"], "of_id": first["id"], "deal": draw(maybe_deal) if first["subject"] in IDS else None}
            return event("retracted", first["subject"], draw(times), draw(numbers), **taken)
        case "other time":
            return first | {"time": iso(draw(times))}
        case "other body":
            kind = of_a_person() if first["subject"] in IDS else of_a_deal() if first["subject"].startswith("deal:") else of_nobody()
            if first["subject"] in IDS and draw(st.booleans()):
                kind = link_or_unlink()
            other = draw(kind)
            if first["subject"] in IDS and other["data"].get("other") != first["subject"]:
                other["subject"] = first["subject"]
            return other | {"source": first["source"], "id": first["id"]}
        case _:
            return first | {"subject": draw(ids)} if first["type"] in ("page_view", "call", "lead_created") else first


@st.composite
def deliveries(draw: st.DrawFn, kinds: st.SearchStrategy[Event]) -> Delivery:
    events = draw(st.lists(kinds, min_size=1, max_size=16))
    events += draw(st.lists(echo(events), max_size=6))
    if draw(st.booleans()):
        # As they happened, which is how most arrive; else in any order.
        events.sort(key=lambda event: event["time"])
    else:
        events = draw(st.permutations(events))
    for again in draw(st.lists(st.sampled_from(events), max_size=3)):
        events.insert(draw(st.integers(0, len(events))), again)
    sizes = draw(st.lists(st.sampled_from([1, 1, 2, 3, 5, 100]), min_size=1, max_size=4))
    between = draw(st.lists(st.sampled_from(["", "", "restart", "journeys lost", "read", "rebuild"]), min_size=1, max_size=4))
    cached_max, other_until = draw(st.sampled_from([1, 3, 1000])), draw(st.sampled_from([0, 0, 1, 4]))
    near = draw(st.sampled_from([(1, 1), (1, 3), (1, 100), (3, 2), (100, 100)]))
    return Delivery([json.dumps(one).encode() for one in events], sizes, between, cached_max, near, other_until)


thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(thorough, max_examples=max(200, EXAMPLES))
@given(deliveries(anything), st.sampled_from([TIGHT, RESTLESS, SHARING]))
def test_any_order_any_units_any_restarts_come_to_what_the_whole_set_says(delivery: Delivery, by: Definition) -> None:
    check(delivery, by)


@settings(thorough, max_examples=max(200, EXAMPLES))
@given(deliveries(what_deals_say))
def test_what_deals_and_orders_say_does_not_depend_on_the_order_in_which_it_arrives(delivery: Delivery) -> None:
    check(delivery, TIGHT)


@settings(thorough, max_examples=max(200, EXAMPLES))
@given(deliveries(who_is_who))
def test_who_is_who_does_not_depend_on_the_order_in_which_it_is_told(delivery: Delivery) -> None:
    check(delivery, TIGHT)


@settings(thorough, max_examples=max(200, EXAMPLES))
@given(deliveries(who_joined), st.sampled_from([TIGHT, RESTLESS]))
def test_who_joined_an_account_and_what_it_says_of_itself_may_come_in_any_order(delivery: Delivery, by: Definition) -> None:
    check(delivery, by)
