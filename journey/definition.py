"""What a journey is, as data: stages and the rules for entering them, leads, scoring, handoff, channels, pipelines, lists.

Read from YAML by `schemas/definition_files.py`, checked by `definition_checks.py`, identified by the hash of its content.
A condition is positive: it holds because of touchpoints that are there. Absence is a deadline (`inactive`, `score_below`, the SLA).
"""

import hashlib
import json
import re
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator

from journey.errors import Refused
from journey.instants import DAY, MINUTE, Micros, length, spelled


def _length(value: object) -> object:
    if isinstance(value, str):
        try:
            return length(value)
        except Refused as error:
            raise ValueError(str(error)) from None
    raise ValueError("a length of time is written as a number and one of s, m, h, d, w, such as 30m or 14d")


Length = Annotated[Micros, BeforeValidator(_length), PlainSerializer(spelled, return_type=str), Field(gt=0)]
NAME_MAX = 100
Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
Currency = Annotated[str, Field(min_length=3, max_length=3)]


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_one_or_more)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, validate_default=False, arbitrary_types_allowed=False)


# --- conditions


class Test(Model):
    """What a field must be. Texts are compared without regard to case."""

    is_: Annotated[tuple[str | bool | int | Decimal, ...] | None, Field(alias="is")] = None
    """One of these values."""
    not_: Annotated[tuple[str | bool | int | Decimal, ...] | None, Field(alias="not")] = None
    """None of these values; a field that says nothing passes."""
    contains: Names | None = None
    """Text that holds one of these, or a list that does."""
    matches: str | None = None
    """A regular expression, searched for anywhere in the text."""
    at_least: Decimal | None = None
    """A number of at least this."""
    at_most: Decimal | None = None
    """A number of at most this."""
    filled: bool | None = None
    """Whether the field says anything."""

    @field_validator("is_", "not_", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) or value is None else [value]


def _test(value: object) -> object:
    """`status: held` and `intent: [demo, trial]` are short for `{is: …}`."""
    return value if isinstance(value, dict | Test) else {"is": value}


Tests = dict[str, Annotated[Test, BeforeValidator(_test)]]


class Match(Model):
    """A touchpoint of one of these types, whose fields pass the tests."""

    types: Annotated[Names, Field(min_length=1)]
    """Touchpoint types of the [vocabulary](vocabulary.md)."""
    where: Tests = {}
    """What fields must be: each names a field of the touchpoint."""


class Count(Model):
    """At least so many matching touchpoints, in a window that ends with the present one: from `at - within`, inclusive."""

    times: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many it takes."""
    of: Match
    """Which touchpoints are counted."""
    within: Length
    """How long the window is."""


class Score(Model):
    """The score is at least this."""

    at_least: int
    """So many points."""


class All(Model):
    """All of these conditions hold."""

    all: Annotated[tuple["Condition", ...], Field(min_length=1)]
    """Conditions."""


class AnyOf(Model):
    """One of these conditions holds, or several."""

    any: Annotated[tuple["Condition", ...], Field(min_length=1)]
    """Conditions."""


class Counted(Model):
    """Matching touchpoints are counted."""

    count: Count
    """How many of which."""


class Scored(Model):
    """The score counts."""

    score: Score
    """What the score must be."""


class DealIs(Model):
    """Set off by a deal of the person's that becomes so: `won` by a close, `open` by an opening or reopening."""

    deal: Literal["open", "won", "lost", "abandoned"]
    """What the deal becomes."""


class NoOpenDeal(Model):
    """None of the person's deals is open: the one absence that a condition may ask for."""

    no_open_deal: Literal[True]
    """Written `no_open_deal: true`."""


class LeadIs(Model):
    """Set off by the person's lead cycle, when it comes to this."""

    lead: Literal["created", "mql", "assigned", "accepted", "rejected", "recycled", "disqualified", "qualified"]
    """The step of the lead cycle."""


class SegmentIs(Model):
    """The person is in another segment. Segments alone may ask for it."""

    segment: Name
    """The name of the segment."""


class StageIs(Model):
    """The person is in one of these stages. Segments alone may ask for it."""

    stage: Annotated[Names, Field(min_length=1)]
    """The names of the stages."""


class ProfileIs(Model):
    """The person's profile passes tests, as it was updated last. Segments alone may ask for it."""

    profile: Annotated[Tests, Field(min_length=1)]
    """What fields of `profile_updated` must be, such as `country: DE`."""


Condition = Match | All | AnyOf | Counted | Scored | DealIs | NoOpenDeal | LeadIs | SegmentIs | StageIs | ProfileIs


# --- stages


class Rule(Model):
    """How a stage is entered: when a condition holds, or when a deadline strikes (`inactive`, `score_below`)."""

    name: Name
    """What timelines and reasons call it; one name is used once in a stage."""
    when: Condition | None = None
    """Touchpoints enter the stage when this holds. A rule has one of `when`, `inactive`, `score_below`."""
    inactive: Length | None = None
    """Runs from the later of the last activity and the entry into the stage."""
    score_below: int | None = None
    """Strikes when points expire or are taken away, and the score falls below this, in one of the stages `from`."""
    unless_deal_open: bool = False
    """A deadline that waits while a deal of the person's is open."""
    from_: Annotated[Names | None, Field(alias="from")] = None
    """The stages that it leads out of. Default: none yet, and every stage before this one. A backward move needs it."""


class Stage(Model):
    """A stage of the journey, and how it is entered."""

    name: Name
    """What it is called everywhere."""
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    """The ways into it. Where rules of several stages hold, the latest stage is entered, by its first rule that holds."""
    way: Literal["along", "out", "back"] = "along"
    """`along` the journey, in order; `out` of it (lost, churned); `back` into it (recycled)."""


# --- leads, scoring, handoff


class ScoreRule(Model):
    """Points for a touchpoint that matches."""

    name: Name
    """What the ledger of the score calls it."""
    when: Match
    """Which touchpoints give the points."""
    points: Annotated[int, Field(ge=-1000, le=1000)]
    """How many; below zero they are taken away."""
    expires: Length | None = None
    """How long they count; default: for ever."""
    per_day_max: Annotated[int, Field(ge=1)] | None = None
    """How often they are given in a day of the reporting zone at most."""


class LeadRules(Model):
    """What opens a lead cycle, and what makes an MQL and an SQL."""

    created_by: Match | None = None
    """A touchpoint that opens a lead cycle where none is open, besides `lead_created`."""
    mql: Condition
    """Makes an MQL, a lead that is ready for sales."""
    mql_stated: bool = True
    """Whether `lead_scored` with grade mql, sent by another system, makes an MQL."""
    withdrawn_below: int | None = None
    """An MQL that waits for an answer is withdrawn when its score falls below this."""
    sql: Match
    """Makes an SQL: a lead that sales accepted is qualified by it."""


class Handoff(Model):
    """How long sales has for an answer to a lead."""

    limit: Length
    """How long sales has; later it is a breach."""
    business_time: bool = True
    """Whether only the hours of the team's calendar count."""
    starts: Annotated[tuple[Literal["assigned", "mql", "created"], ...], Field(min_length=1)] = ("assigned", "mql")
    """What hands a lead over, and so starts the clock: the first of these that has happened."""
    near: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.8")
    """The share of the limit from which a lead is nearly due."""
    expire_after: Length | None = None
    """After how long without an answer the lead expires; default: never."""


class Calendar(Model):
    """Business hours of a team: `{mon: "09:00-17:00"}`, in a zone, without the holidays."""

    zone: str
    """The zone that its hours are in, such as `Europe/Berlin`."""
    hours: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]]
    """By day of the week: `"09:00-17:00"`, or a list of several."""
    holidays: tuple[date, ...] = ()
    """Days without business hours."""


# --- channels


class ChannelRule(Model):
    """The first rule whose every test passes names the channel. Tests see click_id, source, medium, campaign, content, term,
    referrer (the host), type, `paid_click` (the network that a click id belongs to), `site` (the kind of site that the source, else
    the referrer, is) and `brand` (whether a brand term is in the term or the campaign)."""

    channel: Name
    """The channel that it names."""
    when: Tests = {}
    """Tests that all pass."""
    any: tuple[Tests, ...] = ()
    """Besides, one of these groups of tests passes."""


class Bots(Model):
    """Whose touchpoints are in no figure, besides those that say `bot` or `test`."""

    networks: Names = ("internal", "datacenter")
    """Values of `network`."""
    agents: tuple[str, ...] = ()
    """Regular expressions over the user agent."""


# --- deals and lists


class PipelineStage(Model):
    """A stage of a pipeline."""

    name: Name
    """As the CRM calls it."""
    probability: Annotated[Decimal, Field(ge=0, le=1)]
    """How likely deals in it are won, where the deal does not say."""
    outcome: Literal["open", "won", "lost"] = "open"
    """What a deal that comes to this stage is by it, unless the sender says otherwise (`stage_outcome`)."""
    forecast_category: Name | None = None
    """As the CRM calls it."""
    stuck_after: Length | None = None
    """After how long in it a deal is stuck."""


class Pipeline(Model):
    """A pipeline of deals, and its stages in order."""

    name: Name
    """As deals name it in `pipeline`."""
    stages: Annotated[tuple[PipelineStage, ...], Field(min_length=1)]
    """In order."""


class Reasons(Model):
    """The reasons that are known, for each kind of ending."""

    reject: Names = ()
    """Of `lead_rejected`."""
    recycle: Names = ()
    """Of `lead_recycled`."""
    disqualify: Names = ()
    """Of `lead_disqualified`."""
    loss: Names = ()
    """Of `close`."""
    churn: Names = ()
    """Of `contract_ended`."""


class FollowUpStep(Model):
    """What sales is to do after an order."""

    name: Name
    """As `follow_up.step` names it."""
    kind: Name
    """Such as call or email."""
    days_after: Annotated[int, Field(ge=0)]
    """How many days after the order it is due."""


class Conversion(Model):
    """A kind of success that touches are credited with: a lead, a won deal, or a touchpoint that matches."""

    name: Name
    """What reports call it."""
    lead: Literal["created", "mql", "qualified"] | None = None
    """A lead cycle that comes to this step."""
    deal: Literal["won"] | None = None
    """A deal that is won."""
    when: Match | None = None
    """A touchpoint that matches."""
    customer: bool = False
    """Whether it makes a customer: a buyer in marketing's report."""


class Attribution(Model):
    """Which touches conversions are credited to, and what conversions are."""

    touches: Names
    """The types that can be credited."""
    look_back: Length = 90 * DAY
    """How long before a conversion a touch may lie."""
    half_life: Length = 7 * DAY
    """Of a touch's weight, in the model that lets older touches fade."""
    people: Literal["all", "primary"] = "all"
    """Whose touches a won deal is credited to: of all who take part in it, or of its primary contact."""
    touches_max: Annotated[int, Field(ge=2, le=10_000)] = 200
    """Touches that are kept for a person's path, the first apart; a path that was cut says so."""
    conversions: tuple[Conversion, ...]
    """What is credited."""


FUNNEL_STEPS_MAX = 9
"""How many steps a funnel has at most: their places are told by one digit."""


class FunnelStep(Model):
    """A step of a funnel. Its name alone is short for `{step: demo}`."""

    step: Name
    """A milestone, a conversion, a stage of the journey, or a step of leads: created, mql, assigned, accepted, qualified, …"""
    optional: bool = False
    """Whether who skips it can go on."""


def _step(value: object) -> object:
    return {"step": value} if isinstance(value, str) else value


FunnelOrder = Literal["ordered", "strict_steps", "strict", "any"]


class Funnel(Model):
    """Steps that people are to take, one after the other."""

    name: Name
    """What it is called."""
    steps: Annotated[tuple[Annotated[FunnelStep, BeforeValidator(_step)], ...], Field(min_length=2, max_length=FUNNEL_STEPS_MAX)]
    """Names of steps, in order, at most 9: `[lead, {step: demo, optional: true}, won]`."""
    within: Length | None = None
    """How long after the first step all others may come; default: any time."""
    order: FunnelOrder = "ordered"
    """`ordered`: others may lie between two steps. `strict_steps`: none of the other steps lies between. `strict`: besides, no touch that
    conversions are credited to (`attribution.touches`) and no milestone, of this funnel or not. `any`: in whatever order."""


class Alias(Model):
    """Other names of a campaign, such as those in ad accounts."""

    campaign: Name
    """The campaign."""
    names: Names
    """What else it is called."""


class Bounds(Model):
    """How far things go, so that one mistake of a sender's does not join or cost too much."""

    partners_max: Annotated[int, Field(ge=1, le=1000)] = 20
    """An id with more partners than this joins nobody: a shared kiosk, a shared mailbox."""
    ids_max: Annotated[int, Field(ge=2, le=1000)] = 100
    """A component of more ids than this is not joined at all."""
    users_per_device_max: Annotated[int, Field(ge=1, le=1000)] = 1
    """A device that more people of one kind of id use joins none of them: two customers of one browser are two."""
    evidence_max: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Touchpoints that are remembered for one counting condition."""
    account_people_max: Annotated[int, Field(ge=0, le=10_000)] = 200
    """An account that more ids than this joined is in none of their histories: what it says of itself is its own."""
    future: Length = DAY
    """How far after it was recorded a touchpoint may be dated; one dated later is a dead letter."""


NEVER_IDS = (
    "undefined", "null", "none", "nan", "nil", "anonymous", "guest", "unknown", "n/a", "[object Object]", "true", "false", "0", "-1",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
)  # fmt: skip


class Identity(Model):
    """What ids are: which are none, and of which kind the others are."""

    never: Names = NEVER_IDS
    """What programs write where they have no id, without `user:` or `anon:`; without regard to case, and to blanks around it."""
    kinds: dict[Name, str] = {}
    """Kinds of `user:` ids: a regular expression for what stands behind `user:`. The first that fits says the kind; where none does, an
    e-mail address is of the kind `email`, `hubspot:101` of the kind `hubspot`, and anything else of the kind `other`."""

    def is_no_id(self, value: str) -> bool:
        """Whether `value`, an id without `user:` or `anon:`, names nobody."""
        return value.strip().casefold() in self._never

    def kind(self, id: str) -> str:
        """The kind of a `user:` id."""
        value = id.removeprefix("user:")
        for kind, pattern in self._patterns:
            if pattern.search(value):
                return kind
        return "email" if "@" in value else value.partition(":")[0] if ":" in value else "other"

    @cached_property
    def _never(self) -> frozenset[str]:
        return frozenset(["", *(one.strip().casefold() for one in self.never)])

    @cached_property
    def _patterns(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        return tuple((kind, re.compile(pattern)) for kind, pattern in self.kinds.items())

    @field_validator("kinds")
    @classmethod
    def _readable(cls, kinds: dict[str, str]) -> dict[str, str]:
        for kind, pattern in kinds.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{kind}: not a regular expression: {error}") from None
        return kinds


def _no_list(value: object) -> object:
    """Definitions of before there were segments say `segments: []`."""
    return {} if value == [] else value


class Definition(Model):
    """A whole definition. `fingerprint` is its identity."""

    version: Literal[1] = 1
    """Of this format."""
    name: Name
    """What you call the definition."""
    zone: str = "UTC"
    """The reporting zone: whose days are days."""
    currency: Currency = "EUR"
    """The company's own currency: what money is converted to where rates to it are stated, and a question names no other."""
    rate_day: Literal["fact", "until"] = "fact"
    """Which day's rate an amount is converted at: that of the day it counts on, or one for all, that of the day asked until."""
    fiscal_year_starts: Annotated[int, Field(ge=1, le=12)] = 1
    """The month that quarters and years are counted from."""
    customer: Literal["account", "person"] = "account"
    """What counts as one customer: the account where there is one, or the person."""
    cac_lag_days: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many days before new customers are won the costs lie that these are set against: as long as a sale takes."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    """The stages of the journey, in order."""
    deadline_order: tuple[Literal["score_expiry", "sla", "inactivity"], ...] = ("score_expiry", "sla", "inactivity")
    """In which order deadlines of one instant strike."""
    activity: Names
    """The types that are activity of the person's: each puts off inactivity. Never a link, a retraction or what we sent."""
    not_activity: tuple[Match, ...] = ()
    """Touchpoints of those types that are none of the person's doing after all: a call that nobody took, a machine's opening."""
    traffic: Names
    """The types that marketing counts by day, channel and campaign."""
    session_types: Names
    """The types that make up sessions and take the session's channel."""
    session_idle: Length = 30 * MINUTE
    """How long without a touchpoint ends a session."""
    engaged_seconds: Annotated[int, Field(ge=10, le=60)] = 10
    """A session is engaged that has so many seconds in the foreground, two views, or a key event."""
    key_events: tuple[Match, ...] = ()
    """What makes a session engaged by itself, where it happens while one goes on."""
    milestones: dict[Name, Match] = {}
    """Steps of funnels, by name, besides stages, leads and deals."""
    funnels: tuple[Funnel, ...] = ()
    """Steps that people are to take, one after the other, which `journey funnel` and the section `funnel` tell of."""
    scoring: tuple[ScoreRule, ...] = ()
    """The rules that give points."""
    lead: LeadRules
    """What makes a lead, an MQL and an SQL."""
    handoff: Handoff
    """How long sales has for an answer."""
    calendars: dict[Name, Calendar] = {}
    """By team; `default` for a team without one."""
    channels: tuple[ChannelRule, ...] = ()
    """Rules that find a touchpoint's channel where its sender states none; the first that passes does."""
    click_ids: dict[Name, Name] = {}
    """Which network a click id is of, by its prefix before `:` or `=`."""
    referrers: dict[Name, Names] = {}
    """Kinds of site by host or bare name: search, social, video, shopping, mail; `own` for one's own hosts, which are no referrers."""
    campaign_aliases: tuple[Alias, ...] = ()
    """Other names of campaigns, besides those that `campaign_launched` says."""
    brand_terms: Names = ()
    """Words of your brand, which channel rules can test as `brand`."""
    bots: Bots = Bots()
    """What is kept out of all figures."""
    pipelines: tuple[Pipeline, ...] = ()
    """The pipelines of deals."""
    topics: Names = ()
    """The topics that you use: a condition that names another one is refused."""
    reasons: Reasons = Reasons()
    """The reasons that you use, by what they end: a condition that names another one is refused."""
    follow_up_plan: tuple[FollowUpStep, ...] = ()
    """What sales is to do after an order."""
    attribution: Attribution
    """What conversions are, and which touches they are credited to."""
    segments: Annotated[dict[Name, Condition], BeforeValidator(_no_list)] = {}
    """Groups of people, by name: who meets a condition is in. What a stage's rule is set off by, a segment holds on to: a match and a step
    of the lead hold from the first one on, all others for as long as they are so."""
    bounds: Bounds = Bounds()
    """How far things go."""
    identity: Identity = Identity()
    """Which ids are none, and of which kind the others are."""
    small_count: Annotated[int, Field(ge=1)] = 5
    """Below so many people a group says too much about each of them."""
    outside_names: dict[str, dict[str, Any]] = {}
    """What other systems' events are called here, besides the table that ships."""
    default_currency: dict[str, Currency] = {}
    """The currency of amounts that state none, by the source that sends them, such as `/segment`."""

    def __copy__(self) -> "Definition":
        """A copy that works out its own identity: `model_copy(update=…)` would keep this one's."""
        copied = super().__copy__()
        for known in ("fingerprint", "stage_names", "stage_outcomes", "pipeline_stages", "stage_chances"):
            copied.__dict__.pop(known, None)
        return copied

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the content, comments and order of keys apart, as 64 hexadecimal digits."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()

    @cached_property
    def pipeline_stages(self) -> dict[str, frozenset[str]]:
        """The names of the stages of each pipeline."""
        return {pipeline.name: frozenset(stage.name for stage in pipeline.stages) for pipeline in self.pipelines}

    @cached_property
    def stage_outcomes(self) -> dict[tuple[str, str], str]:
        """What the stages of pipelines say of a deal, by pipeline and stage; for a deal without a pipeline (""), that on which all
        pipelines agree that have the stage."""
        known = {(pipeline.name, stage.name): stage.outcome for pipeline in self.pipelines for stage in pipeline.stages}
        said: dict[str, set[str]] = {}
        for (_, stage), outcome in known.items():
            said.setdefault(stage, set()).add(outcome)
        return {**known, **{("", stage): next(iter(outcomes)) for stage, outcomes in said.items() if len(outcomes) == 1}}

    @cached_property
    def stage_chances(self) -> dict[tuple[str, str], Decimal]:
        """How probable a deal is in a stage of a pipeline."""
        return {(pipeline.name, stage.name): stage.probability for pipeline in self.pipelines for stage in pipeline.stages}

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)


UNUSED = (
    "follow_up_plan",
    "handoff.near",
    "pipelines.stages.forecast_category",
    "pipelines.stages.stuck_after",
)
"""Settings that nothing reads yet. A test finds them by watching what is read, so that none stays here once it is."""


def unused(definition: Definition) -> list[str]:
    """Those settings of `definition` that it states and nothing reads yet."""
    return [path for path in UNUSED if _states(definition, path.split("."))]


def _states(part: object, path: list[str]) -> bool:
    if isinstance(part, tuple):
        return any(_states(one, path) for one in part)
    assert isinstance(part, Model)
    name, *rest = path
    return name in part.model_fields_set and (not rest or _states(getattr(part, name), rest))


def lacking(definition: Model, other: Model) -> list[str]:
    """The settings that `definition` says nothing in, and `other` does: `milestones`, `lead.mql`."""
    paths: list[str] = []
    for name in type(definition).model_fields:
        ours, theirs = getattr(definition, name), getattr(other, name)
        if isinstance(ours, Model) and isinstance(theirs, Model):
            paths += (f"{name}.{path}" for path in lacking(ours, theirs))
        elif ours in _NOTHING and theirs not in _NOTHING:
            paths.append(name)
    return paths


_NOTHING: tuple[object, ...] = ((), {}, None)


All.model_rebuild()
AnyOf.model_rebuild()
