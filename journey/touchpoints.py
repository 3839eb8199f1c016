"""The vocabulary: every type of touchpoint, defined once.

A touchpoint is what a company and a customer had to do with each other, at an instant.
Each type is a dataclass that pydantic validates where touchpoints come in (`schemas/decode.py`); here they are only values.
What any touchpoint may say is its `about`, and what its type says is its `data`; on the wire both are keys of one object.
A type's `subjects` are the kinds of subject it may be published under; `stated_by` are the fields of a statement's default key.
Required fields come first. Fields that we do not name are kept in the touchpoint's body, and counted.

To make 78 types is most of what importing this costs, and every command waits for it: all types share the methods that a dataclass would
have made for each, and each annotation is evaluated once for all fields that have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, NoReturn, TypeVar, dataclass_transform, get_args, get_origin

from pydantic import AwareDatetime, BeforeValidator, Field, Strict

from journey.instants import Instant, instant, rfc3339
from journey.integers import INTEGER_MAX
from journey.money import minor

TEXT_LENGTH_MAX = 20_000
ID_LENGTH_MAX = 512
LIST_LENGTH_MAX = 1_000
PERIOD_DAYS_MAX = 3_660
PEOPLE_MAX = 200
"""How many people one touchpoint may name on a deal."""
DIGITS_MAX = 28
"""What Python's decimals add and scale exactly, as they are set when a program starts."""

PERSON = frozenset({"user", "anon"})
DEAL = frozenset({"deal"})
CAMPAIGN = frozenset({"campaign"})
CONTENT = frozenset({"content"})
ACCOUNT = frozenset({"account"})
COMPANY = frozenset({"company"})
ANY = PERSON | DEAL | CAMPAIGN | CONTENT | ACCOUNT | COMPANY

DECIMAL_TEXT = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
"""A decimal string, as programs write decimals and JSON writes numbers."""
_DECIMAL = re.compile(DECIMAL_TEXT)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Inexact(ValueError):
    """A decimal arrived as a float: the body has to be read again, without floats."""


def _exact(value: object) -> object:
    """A decimal from a decimal string or a JSON integer; a float has already lost what was written."""
    if isinstance(value, float):
        raise Inexact("a decimal that was read through a float")
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is None:
        raise ValueError("a decimal is written in digits, such as 1250.50")
    return value


def _date_text(value: object) -> object:
    """A date from YYYY-MM-DD only: pydantic would also take a number for one."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise ValueError("a date is written YYYY-MM-DD")
    return value


def _time_text(value: object) -> object:
    """A time from RFC 3339 only: pydantic would also take a number for one."""
    if isinstance(value, datetime):
        return value
    return rfc3339(value if isinstance(value, str) else "")


Id = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX)]
Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX)]
Slug = Annotated[str, Field(max_length=ID_LENGTH_MAX)]
Slugs = Annotated[tuple[Slug, ...], Field(max_length=LIST_LENGTH_MAX)]
Whole = Annotated[int, Strict(), Field(ge=0, le=INTEGER_MAX)]
Seconds = Annotated[float, Strict(), Field(ge=0, le=1e9, allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Number = Annotated[Decimal, Field(max_digits=DIGITS_MAX), BeforeValidator(_exact)]
Amount = Annotated[Decimal, Field(max_digits=DIGITS_MAX), BeforeValidator(_exact)]
Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=DIGITS_MAX), BeforeValidator(_exact)]
Currency = Annotated[str, Field(min_length=3, max_length=3)]
Day = Annotated[date, BeforeValidator(_date_text)]
Time = Annotated[AwareDatetime, BeforeValidator(_time_text)]
Anything = dict[str, Any]
Yes = Literal["yes", "no", "unknown"]
Subject = Annotated[str, Field(min_length=3, max_length=ID_LENGTH_MAX, pattern=r"^(user|anon|account|deal|campaign|content|company):.+$")]
PersonSubject = Annotated[str, Field(min_length=6, max_length=ID_LENGTH_MAX, pattern=r"^(user|anon):.+$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Who takes part in a deal."""

    person: PersonSubject
    role: Slug | None = None
    """Such as champion or decision_maker."""
    primary: Flag = False
    """Whether it is the main contact: the one whom a definition credits alone with `attribution.people: primary`."""


T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def touchpoint_type(kind: type[T]) -> type[T]:
    """A frozen dataclass with slots, its fields by name only; `_Value` has the methods that all of them share."""
    # One without a docstring would be given its signature for one, which takes longer than all else.
    text, kind.__doc__ = kind.__doc__, kind.__doc__ or kind.__name__
    made = dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)(kind)
    made.__doc__ = text
    return made


@touchpoint_type
class _Value:
    """What a dataclass would have made for each of them."""

    def __init__(self, **values: Any) -> None:
        for one in fields(self):
            value = values.pop(one.name, one.default)
            if value is MISSING:
                raise TypeError(f"{type(self).__name__} needs {one.name}")
            object.__setattr__(self, one.name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")
        # Those with nothing to check have none, since pydantic would call it for every touchpoint.
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__}.{name} can't be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__}.{name} can't be deleted")

    def __getstate__(self) -> tuple[object, ...]:
        return _values(self)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        for one, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, one.name, value)

    def __repr__(self) -> str:
        said = (f"{one.name}={value!r}" for one in fields(self) if (value := getattr(self, one.name)) != one.default)
        return f"{type(self).__name__}({', '.join(said)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))


@touchpoint_type
class About(_Value):
    """What any touchpoint may say besides what its type says. What a type has a field of its own for is here too: whoever asks for the
    deal, the owner or the page asks here."""

    channel: Slug | None = None
    """The marketing channel, where the sender knows it; else the definition's rules find it."""
    campaign: Slug | None = None
    """The campaign; else `utm_campaign` says it. A name that is an alias stands for its campaign."""
    content: Slug | None = None
    """The piece of content that it is about."""
    deal: Id | None = None
    """The deal that it belongs to: it is then part of the histories of the deal and of all who take part in it."""
    account: Id | None = None
    """The account that it is about."""
    owner: Slug | None = None
    """The salesperson."""
    team: Slug | None = None
    """The salesperson's team."""
    products: Slugs = ()
    """The products that it is about."""
    session: Slug | None = None
    """The sender's own session id. Sessions are cut by time here, whatever it says."""
    url: Text | None = None
    """The page that it happened on. UTM tags and a click id are read from it where they are not stated."""
    utm_source: Slug | None = None
    utm_medium: Slug | None = None
    utm_campaign: Slug | None = None
    utm_term: Slug | None = None
    utm_content: Slug | None = None
    click_id: Text | None = None
    """What an advertising network put behind the link, as `gclid:…`."""
    referrer: Text | None = None
    """The address that the person came from."""
    agent: Text | None = None
    """The browser's user agent."""
    network: Literal["internal", "datacenter", "other"] | None = None
    """Where it was sent from: the company's own network, a data center, or elsewhere."""
    bot: Flag = False
    """No person did it: it is in no figure."""
    automated: Flag = False
    """A machine of ours did it, such as a sequence."""
    test: Flag = False
    """It was sent to try something out: it is in no figure."""


NO_ABOUT: Final = About()
"""Of a touchpoint that says nothing of all that."""


@touchpoint_type
class _Data(_Value):
    """What a type says."""

    subjects: ClassVar[frozenset[str]] = PERSON
    stated_by: ClassVar[tuple[str, ...]] = ()
    money: ClassVar[tuple[str, ...]] = ()
    """Fields that are amounts of `currency`."""
    not_about: ClassVar[frozenset[str]] = frozenset()
    """The type's own fields that mean something else than those of `About` of the same name: `about_names` has how these are said."""


def _values(data: object) -> tuple[object, ...]:
    kind: Any = type(data)
    return _getter(kind)(data)


@cache
def _getter(kind: Any) -> Callable[[object], tuple[object, ...]]:
    """What gives the values of all fields."""
    names = [one.name for one in fields(kind)]
    # Of one name it would give no tuple, and of none it can't be made.
    return attrgetter(*names) if len(names) > 1 else lambda data: tuple(getattr(data, name) for name in names)


@touchpoint_type
class _Priced(_Data):
    """Money is an amount with its currency; both, or neither."""

    currency: Currency | None = None
    """The currency of all amounts."""

    def __post_init__(self) -> None:
        for name in self.money:
            amount = getattr(self, name)
            if amount is not None:
                if self.currency is None:
                    raise ValueError(f"{name} {amount} has no currency")
                minor(amount, self.currency)

    def minor(self, name: str) -> int | None:
        """The amount of field `name` in minor units; None where it is not stated."""
        amount: Decimal | None = getattr(self, name)
        return None if amount is None or self.currency is None else minor(amount, self.currency)


@touchpoint_type
class _Statement(_Priced):
    """A value that the sender may restate: per key the greatest (stated_at, source, id) counts."""

    statement: Text | None = None
    """The sender's own key of the statement, instead of the key that the type has."""
    stated_at: Time | None = None
    """When it was said. Of several under one key the latest counts; default: the touchpoint's time."""


@touchpoint_type
class _Period(_Statement):
    period_start: Day
    """The first day."""
    period_end: Day
    """The last day, which is part of the period."""

    def __post_init__(self) -> None:
        # Named, since zero-argument super() does not find its class in a dataclass with slots.
        _Statement.__post_init__(self)
        if self.period_end < self.period_start:
            raise ValueError(f"period_end {self.period_end} is before period_start {self.period_start}")
        if (self.period_end - self.period_start).days >= PERIOD_DAYS_MAX:
            raise ValueError(f"a period has at most {PERIOD_DAYS_MAX} days, since each of them has its share")


# --- web, ads, content


@touchpoint_type
class PageView(_Data):
    """A person viewed a page of a site, or a screen of an app."""

    url: Text
    title: Text | None = None
    view: Text | None = None
    """The sender's id of this view."""
    kind: Literal["page", "screen"] = "page"


@touchpoint_type
class PageEngaged(_Data):
    """For how long a page or a screen was in the foreground."""

    seconds: Seconds
    url: Text | None = None
    view: Text | None = None
    """The page view that the time was spent on. One of `url`, `view` is needed."""

    def __post_init__(self) -> None:
        if self.url is None and self.view is None:
            raise ValueError("one of url, view is needed")


@touchpoint_type
class AdImpression(_Priced):
    """An advertisement was shown to a person."""

    money: ClassVar[tuple[str, ...]] = ("cost",)
    ad: Slug | None = None
    placement: Slug | None = None
    term: Text | None = None
    viewable: Flag | None = None
    """False: it could not be seen, and counts as not shown."""
    cost: Amount | None = None


@touchpoint_type
class AdClick(_Priced):
    """A person clicked an advertisement."""

    money: ClassVar[tuple[str, ...]] = ("cost",)
    ad: Slug | None = None
    placement: Slug | None = None
    term: Text | None = None
    viewable: Flag | None = None
    """Whether it could be seen."""
    cost: Amount | None = None


@touchpoint_type
class MediaReported(_Period):
    """What an advertising platform reports for a period. Its figures are kept as stated, beside those that are counted here."""

    subjects: ClassVar[frozenset[str]] = CAMPAIGN | COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("provider", "channel", "campaign", "ad", "query", "period_start", "period_end")
    provider: Slug
    ad: Slug | None = None
    query: Text | None = None
    """The search query that the figures are of."""
    impressions: Whole | None = None
    clicks: Whole | None = None
    reach: Whole | None = None
    """How many people the platform says it reached. It is not added up."""
    views: Whole | None = None
    engagements: Whole | None = None
    followers: Whole | None = None


@touchpoint_type
class EmailSent(_Data):
    """An e-mail was sent to a person."""

    message: Id


@touchpoint_type
class EmailDelivered(_Data):
    """An e-mail arrived in a person's mailbox."""

    message: Id


@touchpoint_type
class EmailBounced(_Data):
    """An e-mail could not be delivered."""

    message: Id
    kind: Literal["hard", "soft"]
    """For good, or for now."""


@touchpoint_type
class EmailOpened(_Data):
    """An e-mail was opened, by the person or by a machine, such as a scanner."""

    message: Id
    machine: Flag | None = None
    """Whether a machine opened it, such as a scanner or a mail client that loads images ahead."""


@touchpoint_type
class EmailClicked(_Data):
    """A person clicked a link in an e-mail."""

    message: Id
    url: Text


@touchpoint_type
class EmailUnsubscribed(_Data):
    """A person unsubscribed by way of an e-mail."""

    message: Id


@touchpoint_type
class EmailComplained(_Data):
    """A person reported an e-mail as spam."""

    message: Id


@touchpoint_type
class SocialEngagement(_Data):
    """A person reacted to something of ours on a social network."""

    not_about: ClassVar[frozenset[str]] = frozenset({"network"})
    network: Slug
    """The social network."""
    action: Literal["like", "comment", "share", "follow", "reply"]
    post: Slug | None = None
    sentiment: Number | None = None
    """As the sender's tool rates it."""


@touchpoint_type
class ContentPublished(_Statement):
    """A piece of content was published, or is described anew."""

    subjects: ClassVar[frozenset[str]] = CONTENT
    stated_by: ClassVar[tuple[str, ...]] = ("content",)
    money: ClassVar[tuple[str, ...]] = ("cost",)
    title: Text
    format: Slug
    topics: Slugs
    answers: Slugs = ()
    """The needs or objections that it answers."""
    stage: Slug | None = None
    """The stage of the journey that it is made for."""
    cost: Amount | None = None
    audience: Slug | None = None


@touchpoint_type
class ContentView(_Data):
    """A person read, watched or listened to a piece of content."""

    content: Slug
    seconds: Seconds | None = None
    progress: Share | None = None
    """The share of it that was read or watched."""


@touchpoint_type
class ContentDownload(_Data):
    """A person downloaded a piece of content."""

    content: Slug
    seconds: Seconds | None = None
    progress: Share | None = None


@touchpoint_type
class EventRegistered(_Data):
    """A person registered for an event, such as a webinar or a trade fair."""

    event: Slug
    format: Literal["online", "onsite"]
    minutes: Whole | None = None


@touchpoint_type
class EventAttended(_Data):
    """A person attended an event."""

    event: Slug
    format: Literal["online", "onsite"]
    minutes: Whole | None = None
    """For how long the person attended."""


Intent = Literal["contact", "demo", "trial", "newsletter", "download", "other"]


@touchpoint_type
class FormStarted(_Data):
    """A person began to fill in a form."""

    form: Slug
    intent: Intent


@touchpoint_type
class FormSubmitted(_Data):
    """A person sent a form."""

    form: Slug
    intent: Intent
    """What the person wants. Rules of a definition ask for it."""


@touchpoint_type
class SurveySent(_Data):
    """A survey was sent to a person or, of the subject `company:self`, to a panel."""

    subjects: ClassVar[frozenset[str]] = PERSON | COMPANY
    survey: Slug
    wave: Slug
    """The round of a survey that is repeated."""


@touchpoint_type
class SurveyAnswered(_Data):
    """One question of a survey was answered: by a person, or by a panel as a whole (`company:self`, with `respondents`)."""

    subjects: ClassVar[frozenset[str]] = PERSON | COMPANY
    survey: Slug
    wave: Slug
    """The round of a survey that is repeated."""
    kind: Literal["nps", "csat", "ces", "aided", "unaided", "preference", "other"]
    question: Text
    score: Number
    scale_min: Number
    scale_max: Number
    choice: Text | None = None
    text: Text | None = None
    about: Text | None = None
    """What the answer is about, such as a brand."""
    respondents: Whole | None = None
    """How many people the answer of a panel stands for."""


@touchpoint_type
class Referral(_Data):
    """A person came to us on the advice of somebody else. One of `by`, `partner` is needed."""

    by: Subject | None = None
    """Who advised it."""
    partner: Slug | None = None
    code: Slug | None = None

    def __post_init__(self) -> None:
        if self.by is None and self.partner is None:
            raise ValueError("one of by, partner is needed")


@touchpoint_type
class SignedUp(_Data):
    """A person signed up for the product."""

    plan: Slug | None = None


@touchpoint_type
class TrialStarted(_Data):
    """A person began to try the product."""

    plan: Slug
    ends_at: Time


@touchpoint_type
class ProductUsed(_Data):
    """A person used a feature of the product."""

    feature: Slug
    count: Whole | None = None


@touchpoint_type
class ProductViewed(_Priced):
    """A person viewed a product of the shop."""

    money: ClassVar[tuple[str, ...]] = ("value",)
    product: Slug | None = None
    value: Amount | None = None


@touchpoint_type
class CartUpdated(_Priced):
    """A person changed the shopping cart: what is in it now."""

    money: ClassVar[tuple[str, ...]] = ("value",)
    items: Annotated[tuple[Any, ...], Field(max_length=LIST_LENGTH_MAX)]
    value: Amount | None = None


@touchpoint_type
class CheckoutStarted(_Priced):
    """A person began to check out."""

    money: ClassVar[tuple[str, ...]] = ("value",)
    items: Annotated[tuple[Any, ...], Field(max_length=LIST_LENGTH_MAX)] = ()
    value: Amount | None = None


# --- marketing, about nobody


@touchpoint_type
class CampaignLaunched(_Statement):
    """A campaign and its plan: dates, channels, budget."""

    subjects: ClassVar[frozenset[str]] = CAMPAIGN
    stated_by: ClassVar[tuple[str, ...]] = ("campaign",)
    money: ClassVar[tuple[str, ...]] = ("budget",)
    campaign: Slug
    name: Text
    channels: Slugs
    objective: Slug
    start_on: Day
    end_on: Day | None = None
    budget: Amount | None = None
    topics: Slugs = ()
    segment: Slug | None = None
    aliases: Slugs = ()
    """Other names of the campaign, such as those in ad accounts."""


@touchpoint_type
class CampaignEnded(_Data):
    """A campaign was ended."""

    subjects: ClassVar[frozenset[str]] = CAMPAIGN
    campaign: Slug
    reason: Text | None = None


@touchpoint_type
class SpendRecorded(_Period):
    """A cost of marketing or sales in a period. Each day of the period has its share."""

    subjects: ClassVar[frozenset[str]] = CAMPAIGN | COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("provider", "function", "kind", "channel", "campaign", "ad", "period_start", "period_end")
    money: ClassVar[tuple[str, ...]] = ("amount",)
    amount: Amount
    currency: Currency
    function: Literal["marketing", "sales"]
    kind: Literal["media", "agency", "content", "event", "tools", "people"]
    ad: Slug | None = None
    provider: Slug | None = None
    """Who sends the bill; default: the touchpoint's source."""


@touchpoint_type
class PressMention(_Data):
    """A medium wrote about us, or about a competitor."""

    subjects: ClassVar[frozenset[str]] = COMPANY
    outlet: Text
    reach: Whole | None = None
    """How many people the medium reaches."""
    sentiment: Annotated[Decimal, Field(ge=-1, le=1, max_digits=DIGITS_MAX), BeforeValidator(_exact)] | None = None
    topics: Slugs = ()
    competitor: Slug | None = None
    """Whom it is about, where it is not about us."""


@touchpoint_type
class MarketInsight(_Period):
    """What a provider says of the market in a period, or of one competitor in it."""

    subjects: ClassVar[frozenset[str]] = COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("provider", "metric", "basis", "market", "competitor", "period_start", "period_end")
    metric: Slug
    basis: Literal["mentions", "impressions", "spend", "searches", "revenue"]
    """What was measured."""
    market: Slug
    value: Number
    provider: Slug
    competitor: Slug | None = None
    total: Number | None = None
    """The whole market's value, of which `value` is a part."""


@touchpoint_type
class TargetSet(_Period):
    """What is to be reached in a period: by the company, or by an owner, a team, a channel or a campaign."""

    subjects: ClassVar[frozenset[str]] = COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("metric", "owner", "team", "channel", "campaign", "period_start", "period_end")
    metric: Literal["won_value", "won_number", "new_leads", "mql", "speed_to_lead", "mrr"]
    value: Number


@touchpoint_type
class FxRate(_Statement):
    """An exchange rate: one unit of `base` is worth `rate` units of `quote`."""

    subjects: ClassVar[frozenset[str]] = COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("base", "quote", "on")
    base: Currency
    quote: Currency
    rate: Annotated[Decimal, Field(gt=0, max_digits=DIGITS_MAX), BeforeValidator(_exact)]
    on: Day


# --- lead and handoff


@touchpoint_type
class LeadCreated(_Data):
    """A person became a lead."""

    lead: Id
    """The lead's id in the CRM."""
    lead_source: Slug
    intent: Slug | None = None


@touchpoint_type
class LeadAssigned(_Data):
    """A lead was handed over to a salesperson or a queue. One of `owner`, `queue` is needed."""

    team: Slug
    owner: Slug | None = None
    queue: Slug | None = None
    lead: Id | None = None
    due_at: Time | None = None
    """When the sender wants an answer. The limit that counts is the definition's (`handoff`)."""

    def __post_init__(self) -> None:
        if self.owner is None and self.queue is None:
            raise ValueError("one of owner, queue is needed")


@touchpoint_type
class LeadAccepted(_Data):
    """Sales took a lead on."""

    owner: Slug
    lead: Id | None = None


@touchpoint_type
class LeadRejected(_Data):
    """Sales turned a lead down."""

    reason: Slug
    lead: Id | None = None
    note: Text | None = None
    nurture_until: Day | None = None
    """Until when marketing is to nurture it."""


@touchpoint_type
class LeadRecycled(_Data):
    """Sales gave a lead back to marketing, to be nurtured."""

    reason: Slug
    lead: Id | None = None
    note: Text | None = None
    nurture_until: Day | None = None


@touchpoint_type
class LeadDisqualified(_Data):
    """Sales found that a lead will not buy."""

    reason: Slug
    lead: Id | None = None
    note: Text | None = None
    nurture_until: Day | None = None


@touchpoint_type
class LeadScored(_Data):
    """Another system graded a lead."""

    grade: Literal["mql", "none"]
    by: Slug
    """The system that graded it."""
    lead: Id | None = None


@touchpoint_type
class LeadQualified(_Data):
    """Sales qualified a lead: budget, authority, need, timeline."""

    owner: Slug
    lead: Id | None = None
    budget: Yes | None = None
    authority: Yes | None = None
    need: Yes | None = None
    timeline: Yes | None = None


# --- sales activity


@touchpoint_type
class Prospected(_Data):
    """Sales picked a person to approach."""

    owner: Slug
    method: Slug
    """Such as list, event or referral."""
    list: Slug | None = None
    sequence: Slug | None = None


@touchpoint_type
class Message(_Data):
    """A message between sales and a person, other than a marketing e-mail."""

    medium: Literal["email", "sms", "chat", "linkedin", "whatsapp", "letter"]
    direction: Literal["in", "out"]
    automated: Flag
    """Whether a machine wrote or sent it."""
    lead: Id | None = None
    outcome: Slug | None = None


@touchpoint_type
class Call(_Data):
    """A phone call between sales and a person."""

    owner: Slug
    direction: Literal["in", "out"]
    outcome: Literal["connected", "voicemail", "no_answer", "busy", "wrong_number"]
    lead: Id | None = None
    seconds: Seconds | None = None


@touchpoint_type
class Meeting(_Data):
    """A meeting with a person, as scheduled or as held."""

    owner: Slug
    starts_at: Time
    status: Literal["scheduled", "held", "no_show", "canceled"]
    lead: Id | None = None
    kind: Slug | None = None
    seconds: Seconds | None = None
    people: Slugs = ()
    """Others who were there."""


@touchpoint_type
class Demo(Meeting):
    """A meeting in which the product was shown."""


@touchpoint_type
class ActivityScheduled(_Statement):
    """A task of sales': planned, done or canceled."""

    subjects: ClassVar[frozenset[str]] = PERSON | DEAL
    stated_by: ClassVar[tuple[str, ...]] = ("activity",)
    activity: Id
    """The task's id. A later statement of it replaces an earlier one."""
    kind: Slug
    due_at: Time
    owner: Slug
    status: Literal["open", "done", "canceled"] = "open"


@touchpoint_type
class NeedStated(_Data):
    """A person said what they need."""

    topic: Slug
    need: Text | None = None
    severity: Slug | None = None
    text: Text | None = None


@touchpoint_type
class ObjectionRaised(_Data):
    """A person objected to something."""

    objection: Id
    topic: Slug
    competitor: Slug | None = None
    text: Text | None = None


@touchpoint_type
class ObjectionHandled(_Data):
    """Sales answered an objection. One of `objection`, `topic` is needed."""

    outcome: Literal["overcome", "open"]
    objection: Id | None = None
    topic: Slug | None = None

    def __post_init__(self) -> None:
        if self.objection is None and self.topic is None:
            raise ValueError("one of objection, topic is needed")


@touchpoint_type
class ProposalSent(_Priced):
    """A proposal, or a new version of one, was sent."""

    subjects: ClassVar[frozenset[str]] = PERSON | DEAL
    money: ClassVar[tuple[str, ...]] = ("amount", "list_amount", "discount")
    deal: Id
    proposal: Id
    version: Annotated[Whole | Slug, Field(union_mode="left_to_right")]
    """Its number or name."""
    amount: Amount
    currency: Currency
    list_amount: Amount | None = None
    """The price before discount."""
    discount: Amount | None = None
    valid_until: Day | None = None


@touchpoint_type
class Negotiation(_Priced):
    """One side's move in a negotiation."""

    subjects: ClassVar[frozenset[str]] = PERSON | DEAL
    money: ClassVar[tuple[str, ...]] = ("amount", "discount")
    deal: Id
    by: Literal["us", "them"]
    """Which side moved."""
    amount: Amount | None = None
    discount: Amount | None = None
    terms: Text | None = None


@touchpoint_type
class FollowUp(_Data):
    """Sales followed up: an order, a scheduled activity or a step of the follow-up plan."""

    owner: Slug
    outcome: Slug
    order: Id | None = None
    activity: Id | None = None
    """The scheduled activity that this does."""
    kind: Slug | None = None
    step: Annotated[Whole | Slug, Field(union_mode="left_to_right")] | None = None
    """The step of the definition's follow-up plan."""


# --- deals

People = Annotated[tuple[Participant, ...], Field(max_length=PEOPLE_MAX)]
StageOutcome = Literal["open", "won", "lost"]
"""What a stage says of its deal, where the sender knows: it need not be a stage of the definition's."""


@touchpoint_type
class DealOpened(_Priced):
    """A deal was opened."""

    subjects: ClassVar[frozenset[str]] = DEAL
    money: ClassVar[tuple[str, ...]] = ("amount",)
    deal: Id
    pipeline: Slug
    """A pipeline of the definition."""
    amount: Amount
    currency: Currency
    expected_close_on: Day
    owner: Slug
    kind: Literal["new", "expansion", "renewal"]
    stage: Slug | None = None
    stage_outcome: StageOutcome | None = None
    people: People = ()
    """Who takes part in it."""
    probability: Share | None = None
    """That it will be won; default: its stage's, in the definition."""
    lead: Id | None = None
    """The lead that it came of."""


@touchpoint_type
class DealUpdated(_Priced):
    """A deal changed. What is not named stays as it was."""

    subjects: ClassVar[frozenset[str]] = DEAL
    money: ClassVar[tuple[str, ...]] = ("amount",)
    deal: Id
    stage: Slug | None = None
    stage_outcome: StageOutcome | None = None
    amount: Amount | None = None
    expected_close_on: Day | None = None
    probability: Share | None = None
    forecast_category: Slug | None = None
    competitors: Slugs | None = None
    products: Slugs | None = None  # None: not named here, so left as it was
    next_step: Text | None = None
    people: People | None = None
    """Who takes part in it now."""

    def __post_init__(self) -> None:
        # An amount without a currency is in the deal's.
        if self.currency is not None:
            _Priced.__post_init__(self)


@touchpoint_type
class Close(_Priced):
    """A deal was won, lost or abandoned. One that is not won needs a reason."""

    subjects: ClassVar[frozenset[str]] = PERSON | DEAL
    money: ClassVar[tuple[str, ...]] = ("amount", "margin")
    deal: Id
    outcome: Literal["won", "lost", "abandoned"]
    amount: Amount
    """The deal's value as closed."""
    currency: Currency
    reason: Slug | None = None
    competitor: Slug | None = None
    margin: Amount | None = None
    stated_at: Time | None = None
    """When it was said: the time at which the record was modified. Of several, that said last counts."""

    def __post_init__(self) -> None:
        _Priced.__post_init__(self)
        if self.outcome != "won" and not self.reason:
            raise ValueError(f"a deal that is {self.outcome} needs a reason")


@touchpoint_type
class DealReopened(_Data):
    """A closed deal was opened again."""

    subjects: ClassVar[frozenset[str]] = DEAL
    deal: Id
    stage: Slug
    reason: Slug | None = None


# --- after the sale


@touchpoint_type
class OrderPlaced(_Priced):
    """A person or an account placed an order."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT
    money: ClassVar[tuple[str, ...]] = ("amount", "margin", "cost")
    order: Id
    amount: Amount
    currency: Currency
    margin: Amount | None = None
    cost: Amount | None = None
    stated_at: Time | None = None
    """When it was said. Of several statements of one order the latest counts."""


@touchpoint_type
class Refund(_Priced):
    """Money was paid back, of an order or of a deal. One of `order`, `deal` is needed."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT | DEAL
    money: ClassVar[tuple[str, ...]] = ("amount",)
    amount: Amount
    currency: Currency
    deal: Id | None = None
    order: Id | None = None
    refund: Id | None = None
    stated_at: Time | None = None
    """When it was said. Of several statements of one refund the latest counts."""
    reason: Slug | None = None

    def __post_init__(self) -> None:
        _Priced.__post_init__(self)
        if self.order is None and self.deal is None:
            raise ValueError("one of order, deal is needed")


@touchpoint_type
class SubscriptionStarted(_Priced):
    """A subscription began."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT
    money: ClassVar[tuple[str, ...]] = ("mrr",)
    subscription: Id
    mrr: Amount
    """Monthly recurring revenue."""
    currency: Currency
    plan: Slug
    term_start_on: Day
    term_end_on: Day | None = None
    auto_renew: Flag | None = None


@touchpoint_type
class SubscriptionChanged(_Priced):
    """Plan or revenue of a subscription changed."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT
    money: ClassVar[tuple[str, ...]] = ("mrr",)
    subscription: Id
    mrr: Amount
    """Monthly recurring revenue from then on."""
    currency: Currency
    plan: Slug
    effective_on: Day | None = None
    """The day from which it holds; default: the touchpoint's day."""


@touchpoint_type
class Renewal(_Priced):
    """A subscription was renewed, to a new end of its term."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT
    money: ClassVar[tuple[str, ...]] = ("mrr",)
    subscription: Id
    term_end_on: Day
    mrr: Amount
    """Monthly recurring revenue from then on."""
    currency: Currency
    effective_on: Day | None = None
    """The day from which it holds; default: the touchpoint's day."""


@touchpoint_type
class ContractEnded(_Data):
    """A subscription ended."""

    subjects: ClassVar[frozenset[str]] = PERSON | ACCOUNT
    subscription: Id
    ended_on: Day
    """The last day of the term."""
    reason: Slug
    kind: Literal["voluntary", "involuntary"]
    """Whether the customer ended it, or a payment failed."""


@touchpoint_type
class SupportTicket(_Data):
    """A support ticket came to a status."""

    ticket: Id
    status: Literal["opened", "pending", "resolved", "reopened"]
    category: Slug
    priority: Slug


# --- identity, people, consent, correction


@touchpoint_type
class Identified(_Data):
    """The subject and `other` are ids of one person."""

    other: PersonSubject
    method: Slug | None = None
    reason: Text | None = None
    presumed: bool | None = None
    """Nobody says that there is an id `other`: the link holds only while something else knows it."""


@touchpoint_type
class Unlinked(_Data):
    """The subject and `other` are no longer taken for one person."""

    other: PersonSubject
    method: Slug | None = None
    reason: Text | None = None


@touchpoint_type
class AccountJoined(_Data):
    """A person belongs to an account."""

    account: Id
    role: Slug | None = None


@touchpoint_type
class AccountLeft(_Data):
    """A person no longer belongs to an account."""

    account: Id
    role: Slug | None = None


@touchpoint_type
class ProfileUpdated(_Data):
    """Each field that is named changes, and null clears it: the body tells the two apart (`named`)."""

    country: Slug | None = None
    region: Slug | None = None
    language: Slug | None = None
    age_band: Slug | None = None
    gender: Slug | None = None
    job_title: Text | None = None
    seniority: Slug | None = None
    department: Slug | None = None
    lead_source: Slug | None = None
    traits: Anything | None = None


PROFILE_FIELDS = frozenset({"country", "region", "language", "age_band", "gender", "job_title", "seniority", "department", "lead_source"})
"""The fields of a profile that a person's journey keeps: all but `traits`."""


@touchpoint_type
class AccountUpdated(_Data):
    """What is known of an account. Each field that is named changes, and null clears it."""

    subjects: ClassVar[frozenset[str]] = ACCOUNT
    name: Text | None = None
    domain: Slug | None = None
    industry: Slug | None = None
    employees: Whole | None = None
    revenue_band: Slug | None = None
    tier: Slug | None = None
    country: Slug | None = None


@touchpoint_type
class SellerUpdated(_Statement):
    """Team and manager of a salesperson, from a day on. Statements of two days both count, each until the next day that is stated."""

    subjects: ClassVar[frozenset[str]] = COMPANY
    stated_by: ClassVar[tuple[str, ...]] = ("owner",)
    owner: Slug
    # `from` is a word of Python's, so the field is the one that pydantic reads by another name.
    since: Annotated[Day, Field(alias="from")]
    """The first day of it."""
    manager: Slug | None = None
    active: Flag | None = None


@touchpoint_type
class ConsentGiven(_Data):
    """A person allowed a use of their data."""

    purpose: Slug
    basis: Slug
    """The legal basis."""
    text_version: Slug
    """Which wording was agreed to."""
    expires_at: Time | None = None
    evidence: Text | None = None


@touchpoint_type
class ConsentWithdrawn(_Data):
    """A person withdrew a consent."""

    purpose: Slug
    basis: Slug
    text_version: Slug
    expires_at: Time | None = None
    evidence: Text | None = None


@touchpoint_type
class Retracted(_Data):
    """Takes back the touchpoint with this source and id, as if it had never been sent."""

    subjects: ClassVar[frozenset[str]] = ANY
    of_source: Id
    of_id: Id
    reason: Text
    by: Slug
    """Who decided it."""


@touchpoint_type
class Custom(_Priced):
    """Anything that no other type is for, under a name of your own."""

    subjects: ClassVar[frozenset[str]] = ANY
    money: ClassVar[tuple[str, ...]] = ("value",)
    name: Slug
    """What it is called. Rules of a definition ask for it."""
    value: Amount | None = None
    """Money where there is a currency, else any number, such as points."""
    properties: Anything | None = None

    def __post_init__(self) -> None:
        # A value without a currency is no money: points, say, that a rule counts.
        if self.currency is not None:
            _Priced.__post_init__(self)


Data = (
    PageView | PageEngaged | AdImpression | AdClick | MediaReported | EmailSent | EmailDelivered | EmailBounced | EmailOpened
    | EmailClicked | EmailUnsubscribed | EmailComplained | SocialEngagement | ContentPublished | ContentView | ContentDownload
    | EventRegistered | EventAttended | FormStarted | FormSubmitted | SurveySent | SurveyAnswered | Referral | SignedUp
    | TrialStarted | ProductUsed | ProductViewed | CartUpdated | CheckoutStarted | CampaignLaunched | CampaignEnded
    | SpendRecorded | PressMention | MarketInsight | TargetSet | FxRate | LeadCreated | LeadAssigned | LeadAccepted
    | LeadRejected | LeadRecycled | LeadDisqualified | LeadScored | LeadQualified | Prospected | Message | Call | Meeting | Demo
    | ActivityScheduled | NeedStated | ObjectionRaised | ObjectionHandled | ProposalSent | Negotiation | FollowUp | DealOpened
    | DealUpdated | Close | DealReopened | OrderPlaced | Refund | SubscriptionStarted | SubscriptionChanged | Renewal
    | ContractEnded | SupportTicket | Identified | Unlinked | AccountJoined | AccountLeft | ProfileUpdated | AccountUpdated
    | SellerUpdated | ConsentGiven | ConsentWithdrawn | Retracted | Custom
)  # fmt: skip


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


TYPES: dict[str, type[Data]] = {_snake(kind.__name__): kind for kind in get_args(Data)}
"""The vocabulary: every type by its name on the wire, which is the class's in snake case."""

NAMES: dict[type[Data], str] = {kind: name for name, kind in TYPES.items()}


@cache
def _meant(annotation: str) -> Any:
    return eval(annotation, globals())  # noqa: S307  # our own


for _field in chain.from_iterable(map(fields, (About, *NAMES))):
    if type(_field.type) is str:
        _field.type = _meant(_field.type)


COMMON = frozenset(field.name for field in fields(About))
"""What any touchpoint may say."""
ABOUT: Final = "about_"
"""What the name of a field of `About` begins with on the wire, where the type has another field of that name."""


def about_names(kind: type[Data]) -> dict[str, str]:
    """What touchpoints of a type may say of what any touchpoint may say: the name on the wire, and the field of `About`."""
    return {ABOUT + field.name if field.name in kind.not_about else field.name: field.name for field in fields(About)}


_FIELD_NAMES: dict[type[Data], dict[str, str]] = {
    kind: {
        **{wire: wire for wire in about_names(kind)},
        **{"from" if field.name == "since" else field.name: field.name for field in fields(kind)},
    }
    for kind in NAMES
}


def field_names(kind: type[Data]) -> dict[str, str]:
    """The fields of touchpoints of a type: the name on the wire, and the name that `Touchpoint.says` takes."""
    return _FIELD_NAMES[kind]


def own_names(kind: type[Data]) -> frozenset[str]:
    """The fields that the type itself has, by their names on the wire."""
    return frozenset("from" if field.name == "since" else field.name for field in fields(kind))


def field_types(kind: type[Data]) -> dict[str, Any]:
    """What each field of touchpoints of a type may hold, as it is annotated; by its name on the wire."""
    common, own = ({field.name: field.type for field in fields(one)} for one in (About, kind))
    about = about_names(kind)
    return {wire: own[ours] if ours in own else common[about[wire]] for wire, ours in field_names(kind).items()}


def plain_types(annotation: Any) -> Iterator[Any]:
    """The types of `annotation` without None and what annotates them; of a list those of its members."""
    if get_origin(annotation) is Annotated:
        yield from plain_types(get_args(annotation)[0])
    elif get_origin(annotation) is Literal or annotation is Any or not get_args(annotation):
        if annotation not in (None, NoneType, ...):
            yield annotation
    elif get_origin(annotation) is dict:
        yield Any
    else:
        for inner in get_args(annotation):
            yield from plain_types(inner)


_NO_FIELD: Final = object()


class Touchpoint(NamedTuple):
    """One touchpoint, as accepted. Its first four fields are its place in every history."""

    occurred_at: Instant
    source: str
    id: str
    subject: str
    data: Data
    named: frozenset[str] = frozenset()
    """The fields that the body names, for types whose null clears a field (`profile_updated`, `account_updated`)."""
    about: About = NO_ABOUT

    def says(self, name: str) -> Any:
        """What it says in field `name`: its type's own, else that of any touchpoint; None where there is neither."""
        value = getattr(self.data, name, _NO_FIELD)
        return getattr(self.about, name.removeprefix(ABOUT), None) if value is _NO_FIELD else value

    @property
    def type(self) -> str:
        return NAMES[type(self.data)]

    @property
    def key(self) -> Key:
        return (self.source, self.id, self.subject)

    @property
    def order(self) -> Order:
        return self[:4]


Key = tuple[str, str, str]
"""(source, id, subject): what names a touchpoint, in evidence for example."""

Order = tuple[Instant, str, str, str]
"""(occurred_at, source, id, subject): a touchpoint's place in a history."""


def statement_of(touch: Touchpoint) -> tuple[tuple[str, ...], tuple[Instant, str, str]]:
    """The key and the version of a statement: the greatest version under a key counts."""
    data = touch.data
    assert isinstance(data, _Statement), touch.type
    stated_at = touch.occurred_at if data.stated_at is None else instant(data.stated_at)
    version = (stated_at, touch.source, touch.id)
    if data.statement is not None:
        return (touch.type, "", data.statement), version
    values = [touch.says(name) for name in data.stated_by]
    if isinstance(data, SpendRecorded) and data.provider is None:
        values[0] = touch.source
    return (touch.type, *("" if value is None else str(value) for value in values)), version


def is_statement(kind: type[Data]) -> bool:
    return issubclass(kind, _Statement)


def stated_at(data: Data) -> Instant | None:
    """When `data` was said to be so, where its sender may say it again otherwise, and says when."""
    said: datetime | None = getattr(data, "stated_at", None)
    return None if said is None else instant(said)
