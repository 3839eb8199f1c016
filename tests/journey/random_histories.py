"""Histories at random, over the types that folds tell apart, and definitions in which much may follow from them."""

from typing import Any

from hypothesis import strategies as st

from journey.definition import Definition
from journey.instants import DAY, MINUTE, iso
from journey.touchpoints import Touchpoint
from schemas.definition_files import default_definition
from tests.journey.builders import ME, MONDAY, definition, in_order, touch

IDS = (ME, "anon:a")
DAYS = 40
MINUTES = (0, 0, 0, 25, 50)
"""After the start of a day: within a session of the one before, and not."""

_NOTHING_CHANGED = {"amount": None, "currency": None, "expected_close_on": None}
_PEOPLE = [{"person": ME, "primary": True}, {"person": "user:8", "primary": False}]

KINDS: dict[str, list[dict[str, Any]]] = {
    "page_view": [
        {},
        {"url": "https://shop.example/pricing"},
        {"utm_source": "google", "utm_medium": "cpc"},
        {"test": True},
        {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Spring"},
    ],
    "page_engaged": [{"seconds": 6.1}],
    "ad_click": [{"click_id": None}, {"network": "datacenter"}],
    "content_view": [{}],
    "content_download": [{}],
    "form_submitted": [{}, {"intent": "newsletter"}],
    "email_sent": [{}],
    "email_clicked": [{}],
    "email_unsubscribed": [{}],
    "demo": [{}, {"status": "no_show"}],
    "need_stated": [{}],
    "order_placed": [{}, {"order": "#order-1", "amount": "50.00"}, {"order": "2"}],
    "refund": [{}, {"refund": "r"}, {"order": "2", "amount": "999.00"}, {"deal": "13", "order": None}],
    "lead_created": [{}, {"lead": "L2"}],
    "lead_assigned": [{"lead": None}, {"lead": "L2", "owner": "bob", "team": "south"}],
    "lead_accepted": [{"lead": None}, {"lead": "L2"}],
    "lead_rejected": [{"lead": None}, {"reason": "not_ready"}],
    "lead_recycled": [{"lead": None}],
    "lead_disqualified": [{"lead": None}],
    "lead_scored": [{"lead": None}],
    "lead_qualified": [{"lead": None}],
    "deal_opened": [{"people": _PEOPLE}, {"deal": "13", "people": _PEOPLE, "lead": "lead-1"}],
    "deal_updated": [
        {"stage": "late", **_NOTHING_CHANGED},
        {"stage": "late", "stage_outcome": "open", **_NOTHING_CHANGED},
        {"deal": "13", "people": _PEOPLE[:1], **_NOTHING_CHANGED},
        {"deal": "13", "stage": "won", "stage_outcome": "won", **_NOTHING_CHANGED},
        {"stage": "lost", "stage_outcome": "lost", **_NOTHING_CHANGED},
    ],
    "close": [
        {},
        {"outcome": "lost", "reason": "price"},
        {"deal": "13"},
        {"deal": "13", "outcome": "lost", "reason": "price"},
        {"stated_at": iso(MONDAY + 20 * DAY)},
        {"outcome": "lost", "reason": "price", "stated_at": iso(MONDAY + 30 * DAY)},
    ],
    "deal_reopened": [{}],
    "negotiation": [{"deal": "13"}],
    "profile_updated": [{}],
    "account_joined": [{}],
    "account_left": [{}],
    "account_updated": [{}, {"tier": "a"}],
    "contract_ended": [{"subscription": "s"}],
}
SPECIMENS = [(type, data) for type, all_data in KINDS.items() for data in all_data]
ABOUT_DEALS = ("deal_opened", "deal_updated", "close", "deal_reopened")


def specimen(nth: int, type: str, data: dict[str, Any], at: int, whose: str) -> Touchpoint:
    """A touchpoint of the person's, or one that comes through a deal or an account."""
    if type == "account_updated":
        return touch(type, at=at, id=f"{nth:02}", **{"subject": "account:acme"} | data)
    if type in ABOUT_DEALS or (type == "negotiation" and whose == "user:8"):
        return touch(type, at=at, id=f"{nth:02}", **{"subject": f"deal:{data.get('deal', '12')}"} | data)
    return touch(type, at=at, id=f"{nth:02}", **{"subject": whose} | data | ({"deal": "12"} if whose == "user:8" else {}))


def histories(*, distinct: bool = False, size_max: int = 14) -> st.SearchStrategy[list[Touchpoint]]:
    """In order. `distinct`: no two at one instant, and no two spans between them alike."""
    times = st.builds(lambda day, minutes: day * DAY + minutes * MINUTE, st.integers(0, DAYS), st.sampled_from(MINUTES))
    if distinct:
        times = st.integers(0, DAYS).map(lambda day: day * DAY)
    one = st.tuples(st.sampled_from(SPECIMENS), times, st.sampled_from([*IDS, ME, ME, "user:8"]))

    def made(drawn: list[tuple[tuple[str, dict[str, Any]], int, str]]) -> list[Touchpoint]:
        return in_order(
            specimen(nth, type, data, MONDAY + after + ((nth + 1) ** 3 if distinct else 0), whose)
            for nth, ((type, data), after, whose) in enumerate(drawn)
        )

    return st.lists(one, max_size=size_max).map(made)


_STAGES: dict[str, list[dict[str, Any]]] = {
    "awareness": [
        {"name": "first", "when": {"types": ["page_view", "ad_click", "content_view", "form_submitted", "negotiation", "account_updated"]}},
        {"name": "back", "from": ["lost", "churned", "recycled"], "when": {"types": ["page_view", "form_submitted"]}},
    ],
    "consideration": [
        {"name": "keen", "when": {"score": {"at_least": 20}}},
        {"name": "reads", "when": {"count": {"times": 2, "of": {"types": "content_view"}, "within": "5d"}}},
        {"name": "talks", "when": {"all": [{"types": "demo", "where": {"status": "held"}}, {"no_open_deal": True}]}},
        {"name": "mql", "when": {"any": [{"lead": "mql"}, {"lead": "assigned"}]}},
    ],
    "decision": [{"name": "deal", "when": {"deal": "open"}}, {"name": "new-deal", "from": ["lost", "recycled"], "when": {"deal": "open"}}],
    "won": [{"name": "deal-won", "when": {"deal": "won"}}, {"name": "won-after-all", "from": ["lost", "churned"], "when": {"deal": "won"}}],
    "lost": [
        {
            "name": "deal-lost",
            "from": ["awareness", "consideration", "decision"],
            "when": {"all": [{"deal": "lost"}, {"no_open_deal": True}]},
        },
        {"name": "cooled", "from": ["consideration"], "score_below": 15, "unless_deal_open": True},
        {"name": "silent", "from": ["awareness", "consideration", "decision"], "inactive": "10d", "unless_deal_open": True},
    ],
    "churned": [{"name": "gone", "from": ["lost", "won"], "inactive": "5d"}],
    "recycled": [{"name": "recycled", "from": ["awareness", "consideration", "lost"], "when": {"lead": "recycled"}}],
}

SEGMENTS: dict[str, dict[str, Any]] = {
    "readers": {"count": {"times": 2, "of": {"types": ["content_view", "page_view"]}, "within": "5d"}},
    "keen": {"all": [{"score": {"at_least": 15}}, {"no_open_deal": True}]},
    "buyers": {"any": [{"deal": "won"}, {"types": "order_placed"}]},
    "german": {"profile": {"country": "DE"}},
    "asleep": {"stage": ["lost", "churned"]},
    "leads": {"all": [{"lead": "created"}, {"any": [{"segment": "readers"}, {"segment": "asleep"}]}]},
}
"""Of every kind of condition: what only a touchpoint ends, what time ends, and what it begins."""


def _rich(**more: Any) -> Definition:
    parts: dict[str, Any] = {
        "scoring": [
            {"name": "view", "when": {"types": ["page_view", "ad_click"]}, "points": 10, "expires": "10d", "per_day_max": 2},
            {"name": "price", "when": {"types": "page_view", "where": {"url": {"contains": "/pricing"}}}, "points": 5, "expires": "3d"},
            {"name": "form", "when": {"types": "form_submitted"}, "points": 10},
            {"name": "gone", "when": {"types": "email_unsubscribed"}, "points": -15, "expires": "12d"},
        ],
        "lead": {
            "created_by": {"types": "form_submitted"},
            "mql": {"any": [{"score": {"at_least": 20}}, {"types": "content_download"}]},
            "withdrawn_below": 15,
            "sql": {"types": ["lead_qualified", "need_stated"]},
        },
        "key_events": [{"types": ["content_download", "order_placed"]}],
        "segments": SEGMENTS,
        "milestones": {
            "talk": {"types": ["demo", "negotiation"]},
            "held": {"types": "demo", "where": {"status": "held"}},
            "read": {"types": "content_view"},
        },
        "handoff": {"limit": "2d", "expire_after": "4d", "business_time": False},
        "attribution": {
            "touches": ["ad_click", "content_download", "form_submitted"],
            "look_back": "10d",
            "touches_max": 3,
            "conversions": [
                {"name": "lead", "lead": "created"},
                {"name": "sql", "lead": "qualified"},
                {"name": "won", "deal": "won"},
                {"name": "order", "when": {"types": "order_placed"}},
            ],
        },
    }
    return definition(_STAGES, **parts | more)


OFFICE = {"zone": "Europe/Berlin", "hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")}

RICH = _rich()
OTHERWISE = _rich(
    deadline_order=["inactivity", "sla", "score_expiry"],
    zone="Asia/Tokyo",
    calendars={"default": OFFICE},
    handoff={"limit": "8h", "expire_after": "20h", "business_time": True},
    bounds={"evidence_max": 2},
)
DEFINITIONS = [RICH, OTHERWISE, default_definition()]
