"""The facts of touchpoints that need no state: one table from type to function. To add one takes a fact in `facts.py`, a function and a
line here.

Whichever fold owns the history of the touchpoint's own subject asserts them: a person's, a deal's, that of a campaign, an account, the
company. So each is asserted once, however many histories the touchpoint is part of.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from journey import facts as f
from journey import touchpoints as t
from journey.channels import campaign_of, channel_of, why_excluded
from journey.definition import Definition
from journey.exact_numbers import MILLIONTHS, THOUSANDTHS, UNKNOWN, known, plain_text, whole_parts
from journey.facts import NEVER, Fact, Facts, spelled
from journey.instants import SECOND, Instant, Micros, day, instant


class TouchpointContext(NamedTuple):
    """A touchpoint, and what its fact needs besides."""

    definition: Definition
    subject: str
    """Whose fact it is: a person by its name, else who it was published under."""
    step: str
    at: Instant
    day: str
    nth: int
    touch: t.Touchpoint

    @property
    def about(self) -> t.About:
        """What any touchpoint may say."""
        return self.touch.about

    def moment(self, time: datetime | None) -> tuple[Instant, str]:
        """A stated time and its day; (0, "") where there is none. What lies later than NEVER is NEVER."""
        if time is None:
            return 0, ""
        at = instant(time)
        return min(at, NEVER), day(at, self.definition.zone)


def note_excluded(facts: Facts, definition: Definition, subject: str, touch: t.Touchpoint) -> None:
    """Add that `touch`, which is published under `subject`, is in no figure."""
    facts[f.Excluded(subject, day(touch.occurred_at, definition.zone), touch.type, why_excluded(definition, touch.about))] += 1


class Stateless(NamedTuple):
    step: str
    """What the fact calls a touchpoint of this type."""
    makes: Callable[[TouchpointContext, Any], Fact | None]


def note(facts: Facts, definition: Definition, subject: str, touch: t.Touchpoint, nth: int, by: Stateless) -> None:
    """Add the fact of `touch`, which is published under `subject` and counts. `by` is the entry of its type in STATELESS."""
    at = touch.occurred_at
    fact = by.makes(TouchpointContext(definition, subject, by.step, at, day(at, definition.zone), nth, touch), touch.data)
    if fact is not None:
        facts[fact] += 1
        campaign = getattr(fact, "campaign", "")
        if campaign and (name := spelled(campaign)) is not None:
            facts[name] += 1


# --- what people see and do


def _exposed(occasion: TouchpointContext, data: t.AdImpression) -> f.Exposed | None:
    if data.viewable is False:
        return None
    channel = channel_of(occasion.definition, occasion.touch)
    campaign = campaign_of(occasion.definition, occasion.about)
    return f.Exposed(occasion.subject, occasion.at, occasion.day, channel, campaign, data.ad or "", data.placement or "")


def _emailed(occasion: TouchpointContext, data: Any) -> f.Emailed:
    bounce = data.kind if type(data) is t.EmailBounced else ""
    is_machine = 1 if type(data) is t.EmailOpened and data.machine else 0
    campaign = campaign_of(occasion.definition, occasion.about)
    return f.Emailed(occasion.subject, occasion.at, occasion.day, occasion.step, data.message, campaign, bounce, is_machine)


def _social(occasion: TouchpointContext, data: t.SocialEngagement) -> f.SocialEngaged:
    return f.SocialEngaged(
        occasion.subject, occasion.at, occasion.day, data.network, data.action, data.post or "",
        campaign_of(occasion.definition, occasion.about),
        plain_text(data.sentiment), _parts(data.sentiment, MILLIONTHS),
    )  # fmt: skip


def _content(occasion: TouchpointContext, data: t.ContentView | t.ContentDownload) -> f.ContentSeen:
    progress = UNKNOWN if data.progress is None else whole_parts(data.progress, MILLIONTHS)
    campaign = campaign_of(occasion.definition, occasion.about)
    return f.ContentSeen(occasion.subject, occasion.at, occasion.day, occasion.step, data.content, campaign, _took(data.seconds), progress)


def _event(occasion: TouchpointContext, data: t.EventRegistered | t.EventAttended) -> f.EventStep:
    campaign = campaign_of(occasion.definition, occasion.about)
    return f.EventStep(occasion.subject, occasion.at, occasion.day, occasion.step, data.event, data.format, campaign, known(data.minutes))


def _form(occasion: TouchpointContext, data: t.FormStarted | t.FormSubmitted) -> f.FormStep:
    return f.FormStep(
        occasion.subject, occasion.at, occasion.day, occasion.step, data.form, data.intent, campaign_of(occasion.definition, occasion.about)
    )


def _survey_sent(occasion: TouchpointContext, data: t.SurveySent) -> f.SurveyStep:
    said = ("", "", "", 0, 0, 0, "", "", UNKNOWN)
    return f.SurveyStep(occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.survey, data.wave, *said)


def _survey_answered(occasion: TouchpointContext, data: t.SurveyAnswered) -> f.SurveyStep:
    return f.SurveyStep(
        occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.survey, data.wave, data.kind,
        data.question, plain_text(data.score),
        _parts(data.score, MILLIONTHS), _parts(data.scale_min, MILLIONTHS), _parts(data.scale_max, MILLIONTHS), data.choice or "",
        data.about or "", known(data.respondents),
    )  # fmt: skip


def _referred(occasion: TouchpointContext, data: t.Referral) -> f.Referred:
    return f.Referred(occasion.subject, occasion.at, occasion.day, data.by or "", data.partner or "", data.code or "")


def _product(
    occasion: TouchpointContext, *, plan: str | None = None, feature: str = "", product: str | None = None, times: int | None = 1,
    items: int = 0, worth: tuple[int, str] = (0, ""), ends_at: datetime | None = None,
) -> f.ProductStep:  # fmt: skip
    times = 1 if times is None else times
    ends = occasion.moment(ends_at)
    return f.ProductStep(
        occasion.subject, occasion.at, occasion.day, occasion.step, plan or "", feature, product or "", times, items, *worth, *ends
    )


def _signed_up(occasion: TouchpointContext, data: t.SignedUp) -> f.ProductStep:
    return _product(occasion, plan=data.plan)


def _trial(occasion: TouchpointContext, data: t.TrialStarted) -> f.ProductStep:
    return _product(occasion, plan=data.plan, ends_at=data.ends_at)


def _used(occasion: TouchpointContext, data: t.ProductUsed) -> f.ProductStep:
    return _product(occasion, feature=data.feature, times=data.count)


def _viewed(occasion: TouchpointContext, data: t.ProductViewed) -> f.ProductStep:
    return _product(occasion, product=data.product, worth=_money(data, "value"))


def _cart(occasion: TouchpointContext, data: t.CartUpdated | t.CheckoutStarted) -> f.ProductStep:
    return _product(occasion, items=len(data.items), worth=_money(data, "value"))


# --- sales


def _activity(
    occasion: TouchpointContext, data: Any, *, kind: str | None = None, direction: str = "", medium: str = "", outcome: str | None = None,
    status: str = "",
    is_automated: bool = False, is_attempt: bool = False, is_conversation: bool = False, seconds: float | None = None,
    starts_at: datetime | None = None, lead: str | None = None, order: str | None = None, scheduled: str | None = None,
    plan_step: object = None,
) -> f.Activity:  # fmt: skip
    return f.Activity(
        occasion.subject, occasion.at, occasion.day, occasion.step, kind or "", occasion.about.owner or "", occasion.about.team or "",
        direction, medium,
        outcome or "", status,
        int(is_automated), int(is_attempt), int(is_conversation), _took(seconds), *occasion.moment(starts_at), lead or "",
        occasion.about.deal or "",
        order or "", scheduled or "", "" if plan_step is None else str(plan_step),
    )  # fmt: skip


def _prospected(occasion: TouchpointContext, data: t.Prospected) -> f.Activity:
    return _activity(occasion, data, medium=data.method)


def _message(occasion: TouchpointContext, data: t.Message) -> f.Activity:
    is_attempt = data.direction == "out" and not occasion.about.automated
    return _activity(
        occasion, data, direction=data.direction, medium=data.medium, outcome=data.outcome, is_automated=occasion.about.automated,
        is_attempt=is_attempt,
        lead=data.lead,
    )  # fmt: skip


def _call(occasion: TouchpointContext, data: t.Call) -> f.Activity:
    return _activity(
        occasion, data, direction=data.direction, outcome=data.outcome, is_attempt=data.direction == "out",
        is_conversation=data.outcome == "connected", seconds=data.seconds, lead=data.lead,
    )  # fmt: skip


def _meeting(occasion: TouchpointContext, data: t.Meeting) -> f.Activity:
    is_held = data.status == "held"
    return _activity(
        occasion, data, kind=data.kind, status=data.status, is_attempt=is_held, is_conversation=is_held, seconds=data.seconds,
        starts_at=data.starts_at, lead=data.lead,
    )  # fmt: skip


def _follow_up(occasion: TouchpointContext, data: t.FollowUp) -> f.Activity:
    return _activity(occasion, data, kind=data.kind, outcome=data.outcome, order=data.order, scheduled=data.activity, plan_step=data.step)


def _proposal(occasion: TouchpointContext, data: t.ProposalSent) -> f.Offered:
    amount, listed, discount = data.minor("amount") or 0, data.minor("list_amount"), data.minor("discount")
    if discount is None and listed is not None:
        discount = listed - amount
    until = "" if data.valid_until is None else data.valid_until.isoformat()
    said = (data.proposal, str(data.version), "us", occasion.about.owner or "", occasion.about.team or "")
    prices = (1, amount, int(listed is not None), listed or 0, int(discount is not None), discount or 0)
    return f.Offered(
        occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.deal, *said, *prices, data.currency, until
    )


def _negotiation(occasion: TouchpointContext, data: t.Negotiation) -> f.Offered:
    amount, discount = data.minor("amount"), data.minor("discount")
    said = ("", "", data.by, occasion.about.owner or "", occasion.about.team or "")
    prices = (int(amount is not None), amount or 0, 0, 0, int(discount is not None), discount or 0)
    return f.Offered(
        occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.deal, *said, *prices, data.currency or "", ""
    )


def _need(occasion: TouchpointContext, data: t.NeedStated) -> f.NeedStated:
    return f.NeedStated(occasion.subject, occasion.at, occasion.day, data.topic, data.severity or "", occasion.about.deal or "")


def _raised(occasion: TouchpointContext, data: t.ObjectionRaised) -> f.Objection:
    said = (data.objection, data.topic, "", data.competitor or "", occasion.about.content or "", occasion.about.deal or "")
    return f.Objection(occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, *said)


def _handled(occasion: TouchpointContext, data: t.ObjectionHandled) -> f.Objection:
    said = (data.objection or "", data.topic or "", data.outcome, "", occasion.about.content or "", occasion.about.deal or "")
    return f.Objection(occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, *said)


# --- after the sale, consent, accounts


def _ticket(occasion: TouchpointContext, data: t.SupportTicket) -> f.TicketStep:
    return f.TicketStep(occasion.subject, occasion.at, occasion.day, occasion.nth, data.ticket, data.status, data.category, data.priority)


def _subscription(
    occasion: TouchpointContext, data: Any, effective_on: date | None, *, plan: str = "", mrr: tuple[int, str] = (0, ""),
    start_on: date | None = None,
    end_on: date | None = None, is_auto_renewed: bool | None = None, reason: str = "", churn_kind: str = "",
) -> f.SubscriptionStep:  # fmt: skip
    days = UNKNOWN if start_on is None or end_on is None else (end_on - start_on).days + 1
    return f.SubscriptionStep(
        occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.subscription, plan, *mrr,
        _date(effective_on) or occasion.day,
        _date(start_on), _date(end_on), days, UNKNOWN if is_auto_renewed is None else int(is_auto_renewed), reason, churn_kind,
        occasion.about.deal or "",
    )  # fmt: skip


def _started(occasion: TouchpointContext, data: t.SubscriptionStarted) -> f.SubscriptionStep:
    return _subscription(
        occasion, data, data.term_start_on, plan=data.plan, mrr=_money(data, "mrr"), start_on=data.term_start_on, end_on=data.term_end_on,
        is_auto_renewed=data.auto_renew,
    )  # fmt: skip


def _changed(occasion: TouchpointContext, data: t.SubscriptionChanged) -> f.SubscriptionStep:
    return _subscription(occasion, data, data.effective_on, plan=data.plan, mrr=_money(data, "mrr"))


def _renewed(occasion: TouchpointContext, data: t.Renewal) -> f.SubscriptionStep:
    return _subscription(occasion, data, data.effective_on, mrr=_money(data, "mrr"), end_on=data.term_end_on)


def _ended(occasion: TouchpointContext, data: t.ContractEnded) -> f.SubscriptionStep:
    after = data.ended_on if data.ended_on == date.max else data.ended_on + timedelta(days=1)
    return _subscription(occasion, data, after, end_on=data.ended_on, reason=data.reason, churn_kind=data.kind)


def _consent(occasion: TouchpointContext, data: t.ConsentGiven | t.ConsentWithdrawn) -> f.Consented:
    given = int(type(data) is t.ConsentGiven)
    said = (data.purpose, occasion.about.channel or "", data.basis, data.text_version)
    whom = occasion.touch.subject
    return f.Consented(occasion.subject, occasion.at, occasion.day, occasion.nth, whom, given, *said, *occasion.moment(data.expires_at))


def _member(occasion: TouchpointContext, data: t.AccountJoined | t.AccountLeft) -> f.AccountMember:
    return f.AccountMember(occasion.subject, occasion.at, occasion.day, occasion.nth, occasion.step, data.account, data.role or "")


# --- about nobody, and anything


def _press(occasion: TouchpointContext, data: t.PressMention) -> f.PressMentioned:
    sentiment = plain_text(data.sentiment), _parts(data.sentiment, MILLIONTHS)
    return f.PressMentioned(occasion.at, occasion.day, data.outlet, data.competitor or "", known(data.reach), *sentiment, data.topics)


def _custom(occasion: TouchpointContext, data: t.Custom) -> f.CustomSeen:
    value = plain_text(data.value), _parts(data.value, THOUSANDTHS)
    return f.CustomSeen(
        occasion.subject,
        occasion.at,
        occasion.day,
        data.name,
        campaign_of(occasion.definition, occasion.about),
        *value,
        *_money(data, "value"),
    )


STATELESS: dict[type[t.Data], Stateless] = {
    t.AdImpression: Stateless("ad_impression", _exposed),
    t.EmailSent: Stateless("sent", _emailed),
    t.EmailDelivered: Stateless("delivered", _emailed),
    t.EmailBounced: Stateless("bounced", _emailed),
    t.EmailOpened: Stateless("opened", _emailed),
    t.EmailClicked: Stateless("clicked", _emailed),
    t.EmailUnsubscribed: Stateless("unsubscribed", _emailed),
    t.EmailComplained: Stateless("complained", _emailed),
    t.SocialEngagement: Stateless("engaged", _social),
    t.ContentView: Stateless("viewed", _content),
    t.ContentDownload: Stateless("downloaded", _content),
    t.EventRegistered: Stateless("registered", _event),
    t.EventAttended: Stateless("attended", _event),
    t.FormStarted: Stateless("started", _form),
    t.FormSubmitted: Stateless("submitted", _form),
    t.SurveySent: Stateless("sent", _survey_sent),
    t.SurveyAnswered: Stateless("answered", _survey_answered),
    t.Referral: Stateless("referred", _referred),
    t.SignedUp: Stateless("signed_up", _signed_up),
    t.TrialStarted: Stateless("trial_started", _trial),
    t.ProductUsed: Stateless("used", _used),
    t.ProductViewed: Stateless("viewed", _viewed),
    t.CartUpdated: Stateless("cart_updated", _cart),
    t.CheckoutStarted: Stateless("checkout_started", _cart),
    t.Prospected: Stateless("prospected", _prospected),
    t.Message: Stateless("message", _message),
    t.Call: Stateless("call", _call),
    t.Meeting: Stateless("meeting", _meeting),
    t.Demo: Stateless("demo", _meeting),
    t.FollowUp: Stateless("follow_up", _follow_up),
    t.ProposalSent: Stateless("proposal_sent", _proposal),
    t.Negotiation: Stateless("negotiation", _negotiation),
    t.NeedStated: Stateless("stated", _need),
    t.ObjectionRaised: Stateless("raised", _raised),
    t.ObjectionHandled: Stateless("handled", _handled),
    t.SubscriptionStarted: Stateless("started", _started),
    t.SubscriptionChanged: Stateless("changed", _changed),
    t.Renewal: Stateless("renewed", _renewed),
    t.ContractEnded: Stateless("ended", _ended),
    t.SupportTicket: Stateless("ticket", _ticket),
    t.ConsentGiven: Stateless("given", _consent),
    t.ConsentWithdrawn: Stateless("withdrawn", _consent),
    t.AccountJoined: Stateless("joined", _member),
    t.AccountLeft: Stateless("left", _member),
    t.PressMention: Stateless("mentioned", _press),
    t.Custom: Stateless("seen", _custom),
}

ELSEWHERE: dict[type[t.Data], str] = {
    t.PageView: "touched",
    t.PageEngaged: "session_engaged",
    t.AdClick: "touched",
    t.MediaReported: "media_report",
    t.ContentPublished: "described",
    t.CampaignLaunched: "described",
    t.CampaignEnded: "described",
    t.SpendRecorded: "spent",
    t.MarketInsight: "insight",
    t.TargetSet: "target",
    t.FxRate: "rate",
    t.ActivityScheduled: "scheduled",
    t.SellerUpdated: "described",
    t.LeadCreated: "lead_moved",
    t.LeadAssigned: "lead_moved",
    t.LeadAccepted: "lead_moved",
    t.LeadRejected: "lead_moved",
    t.LeadRecycled: "lead_moved",
    t.LeadDisqualified: "lead_moved",
    t.LeadScored: "lead_moved",
    t.LeadQualified: "lead_moved",
    t.DealOpened: "deal_stood",
    t.DealUpdated: "deal_stood",
    t.Close: "deal_stood",
    t.DealReopened: "deal_stood",
    t.OrderPlaced: "ordered",
    t.Refund: "lowered",
    t.ProfileUpdated: "described",
    t.AccountUpdated: "described",
}
"""The types that take more than the touchpoint itself, and the kind of fact that a fold makes of them."""

NOWHERE: dict[type[t.Data], str] = {
    t.Identified: "says who is one person: all facts of theirs are asserted of that one",
    t.Unlinked: "says who is not one person",
    t.Retracted: "takes another touchpoint back, with all of its facts",
}
"""The types that assert nothing themselves, and why."""


def _parts(number: Decimal | None, decimals: int) -> int:
    return 0 if number is None else whole_parts(number, decimals)


def _took(seconds: float | None) -> Micros:
    return UNKNOWN if seconds is None else round(seconds * SECOND)


def _date(on: date | None) -> str:
    return "" if on is None else on.isoformat()


def _money(data: Any, name: str) -> tuple[int, str]:
    """An amount in minor units and its currency; nothing where there is none."""
    amount_minor: int | None = data.minor(name)
    return (0, "") if amount_minor is None else (amount_minor, data.currency)
