"""E-mail: what was sent to people, what arrived, and what they did with it. A message to a person counts once, however
often it was opened."""

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
SENT, DELIVERED = "v.sent_at > 0", "v.delivered_at > 0"
_SOURCE = "base: delivered messages; machine opens are apart"


def _count(name: str, says: str, formula: str, where: str, *reads: str, base: str = DELIVERED) -> Figure:
    return Figure(
        name=name, says=says, formula=formula, unit="messages", source=_SOURCE, of=messages, dated="sent" if base is SENT else "delivered",
        by=_BY if base is DELIVERED else (*_BY, BOUNCE), measure=count(f"{base} AND {where}"), within_days=None, reads=reads,
    )  # fmt: skip


def _rate(name: str, says: str, formula: str, where: str, *reads: str, base: str = DELIVERED) -> Figure:
    return Figure(
        name=name, says=says, formula=formula, unit="share", source=_SOURCE, of=messages, dated="sent" if SENT in base else "delivered",
        by=_BY, measure=ratio(count(f"{base} AND {where}"), count(base)), within_days=None, reads=reads,
    )  # fmt: skip


EMAIL = (
    Figure(
        name="emails_sent",
        says="E-mails sent to people, each once.",
        formula="number of messages to a person, dated by when they were first sent",
        unit="messages",
        of=messages,
        dated="sent",
        by=(*_BY, BOUNCE),
        measure=count(SENT),
        reads=("email_sent",),
    ),
    Figure(
        name="emails_delivered",
        says="E-mails that arrived, each once.",
        formula="number of messages to a person, dated by when they first arrived",
        unit="messages",
        of=messages,
        dated="delivered",
        by=_BY,
        measure=count(DELIVERED),
        reads=("email_delivered",),
    ),
    _rate(
        "email_open_rate", "Of the e-mails that arrived in the period, the share that a person opened, as of the instant asked until.",
        "messages opened by people / messages delivered", "v.is_opened = 1", "email_delivered", "email_opened.machine",
    ),
    _rate(
        "email_machine_open_rate", "Of the e-mails that arrived in the period, the share that only machines opened: scanners and proxies.",
        "messages opened by machines and by no person / messages delivered", "v.is_opened = 0 AND v.is_opened_by_machine = 1",
        "email_delivered", "email_opened.machine",
    ),
    _rate(
        "email_click_rate", "Of the e-mails that arrived in the period, the share in which a link was clicked.",
        "messages clicked / messages delivered", "v.is_clicked = 1", "email_delivered", "email_clicked",
    ),
    _rate(
        "email_click_to_open", "Of the e-mails that arrived in the period and that a person opened, the share in which a link was clicked.",
        "messages opened by people and clicked / messages opened by people", "v.is_clicked = 1", "email_delivered", "email_opened.machine",
        "email_clicked", base=f"{DELIVERED} AND v.is_opened = 1",
    ),
    _rate(
        "email_bounce_rate", "Of the e-mails sent in the period, the share that came back.", "messages bounced / messages sent",
        "v.bounced <> ''", "email_sent", "email_bounced.kind", base=SENT,
    ),
    _rate(
        "email_unsubscribe_rate", "Of the e-mails that arrived in the period, the share after which a person unsubscribed by them.",
        "messages unsubscribed by / messages delivered", "v.is_unsubscribed = 1", "email_delivered", "email_unsubscribed",
    ),
    _rate(
        "email_complaint_rate", "Of the e-mails that arrived in the period, the share that was called unwanted.",
        "messages complained of / messages delivered", "v.is_complained = 1", "email_delivered", "email_complained",
    ),
    _count(
        "emails_clicked", "E-mails that arrived in the period and in which a link was clicked, each once.",
        "number of messages to a person, dated by when they first arrived", "v.is_clicked = 1", "email_delivered", "email_clicked",
    ),
    _count(
        "emails_bounced", "E-mails sent in the period that came back, each once.",
        "number of messages to a person, dated by when they were first sent", "v.bounced <> ''", "email_sent", "email_bounced.kind",
        base=SENT,
    ),
    Figure(
        name="email_opens",
        says="Opens of e-mails, each time, by people and by machines.",
        formula="number of email_opened touchpoints",
        unit="opens",
        of=opens,
        by=(campaign_of("v.campaign"), MESSAGE, OPENED_BY, *_WHO),
        measure=count(),
        reads=("email_opened.machine",),
    ),
)  # fmt: skip
