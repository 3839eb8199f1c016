"""E-mail: what was sent to people, what arrived, and what they did with it. A message to a person counts once, however
often it was opened."""

from typing import Literal

from projections.figures.dimensions import LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension, campaign_of
from projections.figures.figure import Figure
from projections.figures.measures import count, ratio
from projections.figures.views import View, as_of


def _first(step: str) -> str:
    """When the message was first `step`, and on which day; 0 and "" where it never was."""
    return (
        f"COALESCE(MIN(CASE WHEN step = '{step}' THEN at END), 0) AS {step}_at,"
        f" COALESCE(MIN(CASE WHEN step = '{step}' THEN day END), '') AS {step}_on"
    )


def _ever(step: str, where: str = "TRUE") -> str:
    return f"MAX(CASE WHEN step = '{step}' AND {where} THEN 1 ELSE 0 END)"


messages = View(
    "messages to people",
    # The campaign has another name than the column of the table: a click may name another campaign than the message itself.
    f"SELECT person, message, {_first('sent')}, {_first('delivered')},"
    " COALESCE(MAX(CASE WHEN step IN ('sent', 'delivered') THEN campaign END), '') AS of_campaign,"
    " COALESCE(MIN(CASE WHEN step = 'bounced' THEN bounce END), '') AS bounced,"
    f" {_ever('opened', 'is_machine = 0')} AS is_opened, {_ever('opened', 'is_machine = 1')} AS is_opened_by_machine,"
    f" {_ever('clicked')} AS is_clicked, {_ever('unsubscribed')} AS is_unsubscribed, {_ever('complained')} AS is_complained, 1 AS n"
    " FROM emailed WHERE at <= :until GROUP BY person, message",
    unit=("person", "message"),
    tables=("emailed",),
)
opens = as_of("emailed", "step = 'opened'", unit=("person", "message", "at"), name="opens")

MESSAGE = Dimension("message", "v.message", says="message")
BOUNCE = Dimension("bounce", "v.bounced", says='hard (for good) or soft (for now); "" where it did not bounce')
OPENED_BY = Dimension(
    "opened_by", "CASE v.is_machine WHEN 1 THEN 'machine' ELSE 'person' END", says="person, or machine: a scanner or a proxy"
)

_WHO = (LEAD_TEAM, *PROFILE, PERSON_STAGE)
_BY = (campaign_of("v.of_campaign", says="campaign that the message was sent for"), MESSAGE, *_WHO)
Dated = Literal["sent", "delivered"]
"""By which step messages are dated: those that never took it do not count."""


def _count(name: str, says: str, dated: Dated, *reads: str, where: str = "TRUE") -> Figure:
    return Figure(
        name=name, says=says, formula=f"number of messages to a person, dated by when they were first {dated}", unit="messages",
        source="docs/marketing.md", of=messages, dated=dated, by=(*_BY, BOUNCE) if dated == "sent" else _BY,
        measure=count(f"v.{dated}_at > 0 AND {where}"),
        within_days=0 if where == "TRUE" else None, reads=reads,
    )  # fmt: skip


def _rate(name: str, says: str, formula: str, *reads: str, where: str, of: str = "TRUE", dated: Dated = "delivered") -> Figure:
    whole = f"v.{dated}_at > 0 AND {of}"
    return Figure(
        name=name, says=says, formula=formula, unit="share", source="docs/marketing.md", of=messages, dated=dated, by=_BY,
        measure=ratio(count(f"{whole} AND {where}"), count(whole)), within_days=None, reads=reads,
    )  # fmt: skip


_OPENED = ("email_delivered", "email_opened.machine")

EMAIL = (
    _count("emails_sent", "E-mails sent to people, each once.", "sent", "email_sent"),
    _count("emails_delivered", "E-mails that arrived, each once.", "delivered", "email_delivered"),
    _rate(
        "email_open_rate", "Of the e-mails that arrived in the period, the share that a person opened, as of the instant asked until.",
        "messages opened by people / messages delivered", *_OPENED, where="v.is_opened = 1",
    ),
    _rate(
        "email_machine_open_rate", "Of the e-mails that arrived in the period, the share that only machines opened: scanners and proxies.",
        "messages opened by machines and by no person / messages delivered", *_OPENED,
        where="v.is_opened = 0 AND v.is_opened_by_machine = 1",
    ),
    _rate(
        "email_click_rate", "Of the e-mails that arrived in the period, the share in which a link was clicked.",
        "messages clicked / messages delivered", "email_delivered", "email_clicked", where="v.is_clicked = 1",
    ),
    _rate(
        "email_click_to_open", "Of the e-mails that arrived in the period and that a person opened, the share in which a link was clicked.",
        "messages opened by people and clicked / messages opened by people", *_OPENED, "email_clicked", of="v.is_opened = 1",
        where="v.is_clicked = 1",
    ),
    _rate(
        "email_bounce_rate", "Of the e-mails sent in the period, the share that came back.", "messages bounced / messages sent",
        "email_sent", "email_bounced.kind", dated="sent", where="v.bounced <> ''",
    ),
    _rate(
        "email_unsubscribe_rate", "Of the e-mails that arrived in the period, the share by which a person unsubscribed.",
        "messages unsubscribed by / messages delivered", "email_delivered", "email_unsubscribed", where="v.is_unsubscribed = 1",
    ),
    _rate(
        "email_complaint_rate", "Of the e-mails that arrived in the period, the share that was reported as spam.",
        "messages reported / messages delivered", "email_delivered", "email_complained", where="v.is_complained = 1",
    ),
    _count(
        "emails_clicked", "E-mails that arrived in the period and in which a link was clicked, each once.", "delivered", "email_delivered",
        "email_clicked", where="v.is_clicked = 1",
    ),
    _count(
        "emails_bounced", "E-mails sent in the period that came back, each once.", "sent", "email_sent", "email_bounced.kind",
        where="v.bounced <> ''",
    ),
    Figure(
        name="email_opens",
        says="Opens of e-mails, each time, by people and by machines.",
        formula="number of email_opened touchpoints",
        unit="opens",
        source="docs/marketing.md",
        of=opens,
        by=(campaign_of("v.campaign"), MESSAGE, OPENED_BY, *_WHO),
        measure=count(),
        reads=("email_opened.machine",),
    ),
)  # fmt: skip
