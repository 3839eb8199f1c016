"""One valid touchpoint of every type, as a sender would send it."""

from copy import deepcopy
from typing import Any

AT = "2026-03-02T10:00:00Z"

_PERSON = "user:7"
_DEAL = "deal:12"
_COMPANY = "company:self"
_LEAD_BACK = {"reason": "no_budget", "lead": "lead-1"}
_MARCH = {"period_start": "2026-03-01", "period_end": "2026-03-31"}
_EUR = {"amount": "900.00", "currency": "EUR"}

SENT: dict[str, tuple[str, dict[str, Any]]] = {
    "page_view": (_PERSON, {"url": "https://shop.example/shoes", "title": "Shoes", "session": "s-1"}),
    "page_engaged": (_PERSON, {"url": "https://shop.example/shoes", "seconds": 12.5}),
    "ad_impression": (_PERSON, {"ad": "ad-1", "campaign": "spring", "viewable": True}),
    "ad_click": ("anon:a", {"ad": "ad-1", "campaign": "spring", "click_id": "gclid-1", "cost": "0.42", "currency": "EUR"}),
    "media_reported": ("campaign:spring", {**_MARCH, "provider": "google", "campaign": "spring", "impressions": 120_000, "clicks": 900}),
    "email_sent": (_PERSON, {"message": "m-1", "campaign": "spring"}),
    "email_delivered": (_PERSON, {"message": "m-1"}),
    "email_bounced": (_PERSON, {"message": "m-1", "kind": "hard"}),
    "email_opened": (_PERSON, {"message": "m-1", "machine": False}),
    "email_clicked": (_PERSON, {"message": "m-1", "url": "https://shop.example/shoes"}),
    "email_unsubscribed": (_PERSON, {"message": "m-1"}),
    "email_complained": (_PERSON, {"message": "m-1"}),
    "social_engagement": (_PERSON, {"network": "linkedin", "action": "comment", "sentiment": "0.5"}),
    "content_published": ("content:guide", {"title": "The guide", "format": "article", "topics": ["price"], "stage": "consideration"}),
    "content_view": (_PERSON, {"content": "guide", "seconds": 40, "progress": 0.75}),
    "content_download": (_PERSON, {"content": "guide"}),
    "event_registered": (_PERSON, {"event": "fair", "format": "onsite"}),
    "event_attended": (_PERSON, {"event": "fair", "format": "onsite", "minutes": 90}),
    "form_started": (_PERSON, {"form": "contact", "intent": "demo"}),
    "form_submitted": (_PERSON, {"form": "contact", "intent": "demo"}),
    "survey_sent": (_PERSON, {"survey": "nps", "wave": "2026-q1"}),
    "survey_answered": (
        _PERSON,
        {"survey": "nps", "wave": "2026-q1", "kind": "nps", "question": "q1", "score": 9, "scale_min": 0, "scale_max": 10},
    ),
    "referral": (_PERSON, {"by": "user:1", "code": "friend"}),
    "signed_up": (_PERSON, {"plan": "free"}),
    "trial_started": (_PERSON, {"plan": "team", "ends_at": "2026-03-16T10:00:00Z"}),
    "product_used": (_PERSON, {"feature": "export", "count": 3}),
    "product_viewed": (_PERSON, {"product": "shoes", "value": "80.00", "currency": "EUR"}),
    "cart_updated": (_PERSON, {"items": [{"product": "shoes", "number": 1}], "value": "80.00", "currency": "EUR"}),
    "checkout_started": (_PERSON, {"items": [{"product": "shoes", "number": 1}], "value": "80.00", "currency": "EUR"}),
    "campaign_launched": (
        "campaign:spring",
        {"campaign": "spring", "name": "Spring", "channels": ["search"], "objective": "demand", "start_on": "2026-03-01"},
    ),
    "campaign_ended": ("campaign:spring", {"campaign": "spring"}),
    "spend_recorded": (
        "campaign:spring",
        {**_MARCH, **_EUR, "function": "marketing", "kind": "media", "campaign": "spring", "channel": "search", "provider": "google"},
    ),
    "press_mention": (_COMPANY, {"outlet": "The Times", "reach": 50_000, "sentiment": "-0.25"}),
    "market_insight": (
        _COMPANY,
        {**_MARCH, "metric": "share_of_voice", "basis": "mentions", "market": "de", "value": 340, "provider": "panel"},
    ),
    "target_set": (_COMPANY, {**_MARCH, "metric": "won_value", "value": "50000", "currency": "EUR", "team": "north"}),
    "fx_rate": (_COMPANY, {"base": "USD", "quote": "EUR", "rate": "0.9137", "on": "2026-03-02"}),
    "lead_created": (_PERSON, {"lead": "lead-1", "lead_source": "web", "intent": "demo"}),
    "lead_assigned": (_PERSON, {"lead": "lead-1", "owner": "ann", "team": "north", "due_at": "2026-03-02T12:00:00Z"}),
    "lead_accepted": (_PERSON, {"lead": "lead-1", "owner": "ann"}),
    "lead_rejected": (_PERSON, _LEAD_BACK),
    "lead_recycled": (_PERSON, {**_LEAD_BACK, "nurture_until": "2026-06-01"}),
    "lead_disqualified": (_PERSON, _LEAD_BACK),
    "lead_scored": (_PERSON, {"grade": "mql", "by": "crm"}),
    "lead_qualified": (_PERSON, {"owner": "ann", "budget": "yes", "need": "unknown"}),
    "prospected": (_PERSON, {"owner": "ann", "method": "cold_call"}),
    "message": (_PERSON, {"medium": "email", "direction": "out", "automated": False, "owner": "ann"}),
    "call": (_PERSON, {"owner": "ann", "direction": "out", "outcome": "connected", "seconds": 240}),
    "meeting": (_PERSON, {"owner": "ann", "starts_at": "2026-03-05T09:00:00+01:00", "status": "scheduled"}),
    "demo": (_PERSON, {"owner": "ann", "starts_at": "2026-03-02T10:00:00Z", "status": "held"}),
    "activity_scheduled": (_DEAL, {"activity": "task-1", "kind": "call", "due_at": "2026-03-04T09:00:00Z", "owner": "ann", "deal": "12"}),
    "need_stated": (_PERSON, {"topic": "price", "need": "a lower one"}),
    "objection_raised": (_PERSON, {"objection": "o-1", "topic": "price"}),
    "objection_handled": (_PERSON, {"objection": "o-1", "outcome": "overcome"}),
    "proposal_sent": (_DEAL, {**_EUR, "deal": "12", "proposal": "p-1", "version": 2, "discount": "50.00"}),
    "negotiation": (_DEAL, {"deal": "12", "by": "them", "discount": "25.00", "currency": "EUR"}),
    "follow_up": (_PERSON, {"owner": "ann", "outcome": "satisfied", "deal": "12", "step": 1}),
    "deal_opened": (
        _DEAL,
        {
            **_EUR,
            "deal": "12",
            "pipeline": "new_business",
            "stage": "qualified",
            "expected_close_on": "2026-04-30",
            "owner": "ann",
            "kind": "new",
            "people": [{"person": "user:7", "role": "champion", "primary": True}],
            "probability": 0.2,
        },
    ),
    "deal_updated": (_DEAL, {**_EUR, "deal": "12", "stage": "proposal", "expected_close_on": None}),
    "close": (_DEAL, {**_EUR, "deal": "12", "outcome": "won", "margin": "120.00"}),
    "deal_reopened": (_DEAL, {"deal": "12", "stage": "proposal"}),
    "order_placed": (_PERSON, {**_EUR, "order": "order-1", "products": ["shoes"]}),
    "refund": (_PERSON, {"order": "order-1", "amount": "80.00", "currency": "EUR"}),
    "subscription_started": (
        "account:acme",
        {"subscription": "sub-1", "mrr": "90.00", "currency": "EUR", "plan": "team", "term_start_on": "2026-03-01"},
    ),
    "subscription_changed": ("account:acme", {"subscription": "sub-1", "mrr": "120.00", "currency": "EUR", "plan": "team"}),
    "renewal": ("account:acme", {"subscription": "sub-1", "mrr": "120.00", "currency": "EUR", "term_end_on": "2027-02-28"}),
    "contract_ended": ("account:acme", {"subscription": "sub-1", "ended_on": "2026-03-31", "reason": "price", "kind": "voluntary"}),
    "support_ticket": (_PERSON, {"ticket": "t-1", "status": "opened", "category": "delivery", "priority": "high"}),
    "identified": ("anon:a", {"other": "user:7", "method": "login"}),
    "unlinked": ("anon:a", {"other": "user:7", "reason": "a shared device"}),
    "account_joined": (_PERSON, {"account": "acme", "role": "buyer"}),
    "account_left": (_PERSON, {"account": "acme"}),
    "profile_updated": (_PERSON, {"country": "DE", "job_title": None, "traits": {"vip": True}}),
    "account_updated": ("account:acme", {"name": "Acme", "industry": "retail", "employees": 120}),
    "seller_updated": (_COMPANY, {"owner": "ann", "from": "2026-01-01", "team": "north"}),
    "consent_given": (_PERSON, {"purpose": "newsletter", "basis": "consent", "text_version": "v3"}),
    "consent_withdrawn": (_PERSON, {"purpose": "newsletter", "basis": "consent", "text_version": "v3"}),
    "retracted": (_PERSON, {"of_source": "urn:test", "of_id": "call-1", "reason": "entered twice", "by": "ann"}),
    "custom": (_PERSON, {"name": "quiz_finished", "value": 7, "properties": {"level": 3}}),
}


def example(type_name: str, /, **data: Any) -> dict[str, Any]:
    """A valid CloudEvent of the type; `data` replaces fields of its data."""
    subject, sent = SENT[type_name]
    return {
        "specversion": "1.0",
        "id": f"{type_name}-1",
        "source": "urn:test",
        "type": type_name,
        "subject": subject,
        "time": AT,
        "data": deepcopy(sent) | data,
    }


EXAMPLES: dict[str, dict[str, Any]] = {type_name: example(type_name) for type_name in SENT}
