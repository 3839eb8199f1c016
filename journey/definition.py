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
Name = Annotated[str, Field(min_length=1, max_length=100)]
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
    not_: Annotated[tuple[str | bool | int | Decimal, ...] | None, Field(alias="not")] = None
    contains: Names | None = None
    matches: str | None = None
    """A regular expression, searched for anywhere in the text."""
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    filled: bool | None = None

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
    where: Tests = {}


class Count(Model):
    """At least so many matching touchpoints, in a window that ends with the present one: from `at - within`, inclusive."""

    times: Annotated[int, Field(ge=1, le=1000)] = 1
    of: Match
    within: Length


class Score(Model):
    at_least: int


class All(Model):
    all: Annotated[tuple["Condition", ...], Field(min_length=1)]


class AnyOf(Model):
    any: Annotated[tuple["Condition", ...], Field(min_length=1)]


class Counted(Model):
    count: Count


class Scored(Model):
    score: Score


class DealIs(Model):
    """Set off by a deal of the person's that becomes so: `won` by a close, `open` by an opening or reopening."""

    deal: Literal["open", "won", "lost", "abandoned"]


class NoOpenDeal(Model):
    """None of the person's deals is open: the one absence that a condition may ask for."""

    no_open_deal: Literal[True]


class LeadIs(Model):
    """Set off by the person's lead cycle, when it comes to this."""

    lead: Literal["created", "mql", "assigned", "accepted", "rejected", "recycled", "disqualified", "qualified"]


Condition = Match | All | AnyOf | Counted | Scored | DealIs | NoOpenDeal | LeadIs


# --- stages


class Rule(Model):
    """How a stage is entered: when a condition holds, or when a deadline strikes (`inactive`, `score_below`)."""

    name: Name
    when: Condition | None = None
    inactive: Length | None = None
    """Runs from the later of the last activity and the entry into the stage."""
    score_below: int | None = None
    """Strikes when points expire or are taken away, and the score falls below this, in one of the stages `from`."""
    unless_deal_open: bool = False
    """A deadline that waits while a deal of the person's is open."""
    from_: Annotated[Names | None, Field(alias="from")] = None
    """The stages that it leads out of. Default: none yet, and every stage before this one. A backward move needs it."""


class Stage(Model):
    name: Name
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    way: Literal["along", "out", "back"] = "along"
    """`along` the journey, in order; `out` of it (lost, churned); `back` into it (recycled)."""


# --- leads, scoring, handoff


class ScoreRule(Model):
    name: Name
    when: Match
    points: Annotated[int, Field(ge=-1000, le=1000)]
    expires: Length | None = None
    per_day_max: Annotated[int, Field(ge=1)] | None = None


class LeadRules(Model):
    created_by: Match | None = None
    """A touchpoint that opens a lead cycle where none is open, besides `lead_created`."""
    mql: Condition
    mql_stated: bool = True
    """Whether `lead_scored` with grade mql, sent by another system, makes an MQL."""
    withdrawn_below: int | None = None
    """An MQL that waits for an answer is withdrawn when its score falls below this."""
    sql: Match


class Handoff(Model):
    limit: Length
    business_time: bool = True
    starts: Annotated[tuple[Literal["assigned", "mql", "created"], ...], Field(min_length=1)] = ("assigned", "mql")
    """What hands a lead over, and so starts the clock: the first of these that has happened."""
    near: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.8")
    expire_after: Length | None = None


class Calendar(Model):
    """Business hours of a team: `{mon: "09:00-17:00"}`, in a zone, without the holidays."""

    zone: str
    hours: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]]
    holidays: tuple[date, ...] = ()


# --- channels


class ChannelRule(Model):
    """The first rule whose every test passes names the channel. Tests see click_id, source, medium, campaign, content, term,
    referrer (the host), type, `paid_click` (the network that a click id belongs to), `site` (the kind of site that the source, else
    the referrer, is) and `brand` (whether a brand term is in the term or the campaign)."""

    channel: Name
    when: Tests = {}
    any: tuple[Tests, ...] = ()


class Bots(Model):
    networks: Names = ("internal", "datacenter")
    agents: tuple[str, ...] = ()
    """Regular expressions over the user agent."""


# --- deals and lists


class PipelineStage(Model):
    name: Name
    probability: Annotated[Decimal, Field(ge=0, le=1)]
    outcome: Literal["open", "won", "lost"] = "open"
    """What a deal that comes to this stage is by it, unless the sender says otherwise (`stage_outcome`)."""
    forecast_category: Name | None = None
    stuck_after: Length | None = None


class Pipeline(Model):
    name: Name
    stages: Annotated[tuple[PipelineStage, ...], Field(min_length=1)]


class Reasons(Model):
    reject: Names = ()
    recycle: Names = ()
    disqualify: Names = ()
    loss: Names = ()
    churn: Names = ()


class FollowUpStep(Model):
    name: Name
    kind: Name
    days_after: Annotated[int, Field(ge=0)]


class Conversion(Model):
    """A kind of success that touches are credited with: a lead, a won deal, or a touchpoint that matches."""

    name: Name
    lead: Literal["created", "mql", "qualified"] | None = None
    deal: Literal["won"] | None = None
    when: Match | None = None
    customer: bool = False
    """Who has one is a customer: a buyer in marketing's report."""


class Attribution(Model):
    touches: Names
    look_back: Length = 90 * DAY
    half_life: Length = 7 * DAY
    people: Literal["all", "primary"] = "all"
    touches_max: Annotated[int, Field(ge=2, le=10_000)] = 200
    """Touches that are kept for a person's path, the first apart; a path that was cut says so."""
    conversions: tuple[Conversion, ...]


class Segment(Model):
    name: Name
    where: Tests


class Alias(Model):
    campaign: Name
    names: Names


class Bounds(Model):
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
    """How far after the log recorded it a touchpoint may be dated."""


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


class Definition(Model):
    """A whole definition. `fingerprint` is its identity."""

    version: Literal[1] = 1
    name: Name
    zone: str = "UTC"
    """The reporting zone: whose days are days."""
    currency: Currency = "EUR"
    rate_day: Literal["fact"] = "fact"
    fiscal_year_starts: Annotated[int, Field(ge=1, le=12)] = 1
    customer: Literal["account", "person"] = "account"
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    deadline_order: tuple[Literal["score_expiry", "sla", "inactivity"], ...] = ("score_expiry", "sla", "inactivity")
    activity: Names
    """The types that are activity of the person's: each puts off inactivity. Never a link, a retraction or what we sent."""
    not_activity: tuple[Match, ...] = ()
    """Touchpoints of those types that are none of the person's doing after all: a call that nobody took, a machine's opening."""
    traffic: Names
    """The types that marketing counts by day, channel and campaign."""
    session_types: Names
    """The types that make up sessions and take the session's channel."""
    session_idle: Length = 30 * MINUTE
    engaged_seconds: Annotated[int, Field(ge=10, le=60)] = 10
    key_events: tuple[Match, ...] = ()
    """What makes a session engaged by itself, where it happens while one goes on."""
    milestones: dict[Name, Match] = {}
    """Steps of funnels, by name, besides stages, leads and deals."""
    scoring: tuple[ScoreRule, ...] = ()
    lead: LeadRules
    handoff: Handoff
    calendars: dict[Name, Calendar] = {}
    """By team; `default` for a team without one."""
    channels: tuple[ChannelRule, ...] = ()
    click_ids: dict[Name, Name] = {}
    """Which network a click id is of, by its prefix before `:` or `=`."""
    referrers: dict[Name, Names] = {}
    """Kinds of site by host or bare name: search, social, video, shopping, mail; `own` for one's own hosts, which are no referrers."""
    campaign_aliases: tuple[Alias, ...] = ()
    brand_terms: Names = ()
    bots: Bots = Bots()
    pipelines: tuple[Pipeline, ...] = ()
    topics: Names = ()
    reasons: Reasons = Reasons()
    follow_up_plan: tuple[FollowUpStep, ...] = ()
    attribution: Attribution
    segments: tuple[Segment, ...] = ()
    bounds: Bounds = Bounds()
    identity: Identity = Identity()
    small_count: Annotated[int, Field(ge=1)] = 5
    outside_names: dict[str, dict[str, Any]] = {}
    """What other systems' events are called here, besides the table that ships: see `outside_names.py`."""
    default_currency: dict[str, Currency] = {}
    """Of amounts without a currency, by the source that sends them, such as `/segment`."""

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
    "attribution.half_life",
    "currency",
    "customer",
    "follow_up_plan",
    "handoff.near",
    "pipelines.stages.forecast_category",
    "pipelines.stages.stuck_after",
    "rate_day",
    "segments",
    "small_count",
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


All.model_rebuild()
AnyOf.model_rebuild()
