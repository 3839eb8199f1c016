"""The touchpoint types and fields that figures read, if the definition is the one that ships.

A type is listed only if it gives something by itself: refunds alone make no revenue, and who only left an account entered no stage.
"""

from typing import Final

_CONTENT: Final = ("content_view", "content_download", "event_registered", "event_attended")

TRAFFIC: Final = (
    "page_view", "ad_click", "email_clicked", "social_engagement", *_CONTENT, "form_submitted", "referral", "signed_up", "trial_started",
    "*.channel", "*.campaign",
)  # fmt: skip
"""What marketing counts as a touchpoint."""

SESSIONS: Final = (
    "page_view", "page_engaged", "content_view", "content_download", "form_started", "form_submitted", "product_viewed", "cart_updated",
    "checkout_started", "ad_click", "signed_up", "trial_started", "*.channel", "*.campaign",
)  # fmt: skip
"""What begins a session, or is in one."""

ENGAGED: Final = ("page_engaged.seconds", "page_view", "form_submitted.intent", "content_download", "signed_up", "trial_started")
"""What makes a session an engaged one."""

STAGES: Final = (
    "page_view", "page_engaged", *_CONTENT, "ad_click", "email_clicked", "social_engagement", "form_started", "form_submitted", "referral",
    "survey_answered", "signed_up", "product_viewed", "cart_updated", "checkout_started", "lead_created", "message.direction",
    "call.outcome", "trial_started", "product_used", "meeting.status", "demo.status", "need_stated", "deal_opened.people",
    "proposal_sent", "negotiation", "close.outcome", "order_placed", "subscription_started", "custom.name",
)  # fmt: skip
"""What gives people a first stage: by itself, or by its points."""

LEADS: Final = (
    "lead_created.lead", "lead_assigned.team", "lead_accepted.owner", "form_submitted.intent", "lead_created.lead_source",
    "*.channel", "*.campaign",
)  # fmt: skip
"""What makes a lead of somebody."""

MQLS: Final = ("lead_scored.grade", "form_submitted.intent", "lead_created.lead", "lead_created.lead_source", "*.channel", "*.campaign")
"""What makes a lead a marketing qualified one."""

PURCHASES: Final = ("close.outcome", "order_placed.order", "custom.name")
"""What is a conversion that makes a customer."""

CONVERSIONS: Final = (*PURCHASES, *LEADS[:4])

VALUE: Final = (
    "close.outcome", "close.amount", "close.currency", "order_placed.amount", "order_placed.currency", "custom.value", "custom.currency",
)  # fmt: skip
"""What states the value of conversions."""
