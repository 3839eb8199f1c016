"""What folds assert: small dated rows that add up, and that can be taken back.

Plain tuples with names, because a fold makes and hashes several of them for every touchpoint. The last field says which fact it is,
so that equal tuples of two kinds are not equal. No fact is "the value now", and none holds a duration to now.
"""

from collections import Counter
from typing import Annotated, Any, NamedTuple, get_args

from pydantic import Discriminator, Tag

from journey.instants import Instant, Micros
from journey.touchpoints import Key

FOLD_VERSION = 8
"""Raised when the folds come to assert other facts from the same history; a golden file tells."""

NEVER: Instant = 2**53
"""Later than every instant: the end of points that do not expire. As an integer it is exact everywhere."""


class Touched(NamedTuple):
    """A touchpoint that marketing counts, on a day of the reporting zone."""

    person: str
    day: str
    channel: str
    campaign: str
    kind: str = "touched"


class StageEntered(NamedTuple):
    """A transition. `nth` is its place among the person's transitions of the same instant, those of leads included; `left_stage` is ""
    for the first stage, and `stayed` is how long the person was in it: -1 for the first. `is_onward`: along
    the journey, to a later stage."""

    person: str
    stage: str
    at: Instant
    day: str
    nth: int
    left_stage: str
    stayed: Micros
    is_onward: int
    rule: str
    because: tuple[Key, ...]
    kind: str = "stage_entered"


class LeadMoved(NamedTuple):
    """A step of a lead cycle: created, mql, assigned, breached, expired, accepted, rejected, recycled, disqualified, qualified,
    withdrawn, closed. `basis` is what has handed the lead over, and a breach or an expiry was counted from: assigned, mql or created;
    "" while nothing has."""

    person: str
    cycle: int
    at: Instant
    day: str
    nth: int
    step: str
    lead: str
    owner: str
    team: str
    channel: str
    campaign: str
    lead_source: str
    reason: str
    basis: str
    rule: str
    because: tuple[Key, ...]
    kind: str = "lead_moved"


class LeadStood(NamedTuple):
    """How a lead cycle stood from `at` on: its state at T is the last one up to T, by (at, nth).

    `answer` is one of not_handed_over, waiting, accepted, rejected, expired, withdrawn; of those accepted, `state` is one of working,
    qualified, recycled, disqualified, else "". What has not happened is 0, and its day "". `to_assign` runs from the MQL to the first
    assignment, `to_accept` from the handoff to the acceptance, in microseconds and -1 where there is none; `to_assign_business` and
    `to_accept_business` are the business time of the team's calendar in them.
    """

    person: str
    cycle: int
    at: Instant
    day: str
    nth: int
    answer: str
    state: str
    is_open: int
    is_mql: int
    is_qualified: int
    is_breached: int
    lead: str
    owner: str
    team: str
    channel: str
    campaign: str
    lead_source: str
    reason: str
    basis: str
    created_at: Instant
    created_on: str
    mql_at: Instant
    mql_on: str
    handed_over_at: Instant
    handed_over_on: str
    due_at: Instant
    answered_at: Instant
    answered_on: str
    qualified_at: Instant
    qualified_on: str
    ended_at: Instant
    ended_on: str
    to_assign: Micros
    to_assign_business: Micros
    to_accept: Micros
    to_accept_business: Micros
    kind: str = "lead_stood"


class SegmentMoved(NamedTuple):
    """A person who entered or left a segment: `step` says which. `nth` is its place among the person's transitions of the same instant;
    `stayed` is how long who left had been in it: -1 of who entered. Who left by a touchpoint did because of that one, and who left by time
    because of what had counted until then."""

    person: str
    segment: str
    at: Instant
    day: str
    nth: int
    step: str
    stayed: Micros
    because: tuple[Key, ...]
    kind: str = "segment_moved"


class Scored(NamedTuple):
    """Points that count from `at` until before `until_at`. The score at T is the sum of those with at <= T < until_at."""

    person: str
    rule: str
    points: int
    at: Instant
    day: str
    until_at: Instant
    kind: str = "scored"


class Touch(NamedTuple):
    """A touch of a path: what a conversion may be credited to."""

    touched_at: Instant
    type: str
    channel: str
    campaign: str
    content: str


class TouchNoted(NamedTuple):
    """A touch that a conversion may be credited to, whether or not one comes. `place` is its place among those of its instant."""

    person: str
    touched_at: Instant
    touched_on: str
    place: int
    type: str
    channel: str
    campaign: str
    content: str
    kind: str = "touch_noted"


class Converted(NamedTuple):
    """A success, and the touches before it within the look-back, oldest first. `of_what` names the deal, the lead cycle, the order or the
    touchpoint.

    `lead_at` and `opened_at` are the milestones (0: none). `cut` is 1 where older touches of the look-back were no longer kept.
    """

    person: str
    conversion: str
    of_what: str
    at: Instant
    day: str
    is_primary: int
    amount_minor: int
    currency: str
    lead_at: Instant
    opened_at: Instant
    cut: int
    path: tuple[Touch, ...]
    kind: str = "converted"


Ahead = StageEntered | LeadMoved | LeadStood | SegmentMoved


def _kind(values: Any) -> Any:
    return values[-1]


class Outlook(NamedTuple):
    """A person's last activity, and all that deadlines will do if nothing more happens, in order. `because` is empty there."""

    person: str
    seen_at: Instant
    ahead: tuple[
        Annotated[
            Annotated[StageEntered, Tag("stage_entered")]
            | Annotated[LeadMoved, Tag("lead_moved")]
            | Annotated[LeadStood, Tag("lead_stood")]
            | Annotated[SegmentMoved, Tag("segment_moved")],
            Discriminator(_kind),
        ],
        ...,
    ]
    kind: str = "outlook"

    @property
    def strikes(self) -> list[StageEntered | LeadMoved | SegmentMoved]:
        """The deadlines that will strike, each once: a stage that is entered, a step of a lead cycle, or a segment entered or left."""
        return [fact for fact in self.ahead if not isinstance(fact, LeadStood)]


class Ordered(NamedTuple):
    """An order, as money at its instant. `subject` is the person, or the account that it was published under."""

    subject: str
    order_id: str
    at: Instant
    day: str
    currency: str
    amount_minor: int
    products: tuple[str, ...]
    kind: str = "ordered"


class Lowered(NamedTuple):
    """What a refund takes of an order, as a negative amount at the later of both dates; `order_at` is that of the order, and of its
    conversion. Orders dated up to T and what lowered them up to T add up to net revenue at T."""

    subject: str
    order_id: str
    at: Instant
    day: str
    order_at: Instant
    order_on: str
    currency: str
    amount_minor: int
    kind: str = "lowered"


class LeftOut(NamedTuple):
    """An order or a refund that is in no figure, or not with all of its amount, and why. `of_what` is order:… or deal:…"""

    subject: str
    of_what: str
    at: Instant
    day: str
    why: str
    source: str
    touchpoint_id: str
    kind: str = "left_out"


class Described(NamedTuple):
    """What a field of a person, an account, a campaign, a piece of content or a salesperson says from `at` on. `nth` orders those of one
    instant; a field that was cleared is "".
    """

    subject: str
    field: str
    at: Instant
    day: str
    nth: int
    value: str
    kind: str = "described"


class DealStood(NamedTuple):
    """How a deal stood from `at` on: its state at T is the last one up to T, by (at, nth). `amount_minor` is its value after refunds;
    `weighted_minor` that times its own probability, else its stage's in the definition, half to even, and `is_weighted` 0 where neither
    is known (then `weighted_minor` is 0). `is_known_stage`: whether the definition has its stage in its pipeline. `reason` and `competitor`
    are those of its last close; "" while it is open.

    `opened_at` is 0 where no opening is known, and may lie after `closed_at`: then nobody knows how long it took, and `took` is -1."""

    deal: str
    at: Instant
    day: str
    nth: int
    outcome: str
    pipeline: str
    stage: str
    amount_minor: int
    currency: str
    probability: str
    weighted_minor: int
    is_weighted: int
    is_known_stage: int
    expected_close_on: str
    owner: str
    team: str
    account: str
    deal_kind: str
    reason: str
    competitor: str
    opened_at: Instant
    opened_on: str
    closed_at: Instant
    closed_on: str
    took: Micros
    products: tuple[str, ...]
    kind: str = "deal_stood"


class DealPerson(NamedTuple):
    """A person who takes part in a deal, and how from `at` on: whether as its main contact, and the lead cycle of the person's that the
    deal came of; 0 where there is none."""

    person: str
    deal: str
    at: Instant
    day: str
    nth: int
    is_primary: int
    cycle: int
    kind: str = "deal_person"


class Spent(NamedTuple):
    """One day's part of a cost. The parts of a period add up to it, to the minor unit."""

    day: str
    campaign: str
    channel: str
    function: str
    cost_kind: str
    provider: str
    currency: str
    amount_minor: int
    kind: str = "spent"


class FirstTouched(NamedTuple):
    """A touchpoint that marketing counts and that is the person's first at all, the first by its channel, or the first in its campaign.
    Campaigns are compared without regard to case, and "" counts as one. Flags summed up to T are the people up to T. A touchpoint that
    is none of the three asserts none."""

    person: str
    at: Instant
    day: str
    channel: str
    campaign: str
    is_first: int
    is_first_of_channel: int
    is_first_of_campaign: int
    kind: str = "first_touched"


class SessionStarted(NamedTuple):
    """A session, dated by its first touchpoint. `nth` counts the person's sessions from 1; `is_new` says that it is the first. `is_brand`:
    whether the search term that it came by has a brand term of the definition in it; -1 where it came by none."""

    person: str
    at: Instant
    day: str
    channel: str
    campaign: str
    nth: int
    is_new: int
    is_brand: int
    kind: str = "session_started"


class SessionEngaged(NamedTuple):
    """A session that became engaged, at `engaged_at`: by its time in the foreground, a key event, or its views. It starts at `at`, on
    `day`; as of T it counts from `engaged_at` on."""

    person: str
    at: Instant
    day: str
    engaged_at: Instant
    channel: str
    campaign: str
    kind: str = "session_engaged"


class Milestone(NamedTuple):
    """A step of a funnel that the definition names. `nth` is its place among the person's transitions of the same instant; channel and
    campaign are those of the touchpoint, else of the last touch before it."""

    person: str
    name: str
    at: Instant
    day: str
    nth: int
    channel: str
    campaign: str
    kind: str = "milestone"


class Spelled(NamedTuple):
    """How a campaign's name is spelled in facts, where case-folding changes it: by `folded` SQL finds the campaign of an alias."""

    name: str
    folded: str
    kind: str = "spelled"


# --- of touchpoints that need no state (`journey/stateless.py`). `nth` orders those of one subject and instant, where a later one replaces.
# A whole number that is not stated is -1, as a length of time is.


class Exposed(NamedTuple):
    """An advertisement that the person may have seen."""

    person: str
    at: Instant
    day: str
    channel: str
    campaign: str
    ad: str
    placement: str
    kind: str = "exposed"


class Emailed(NamedTuple):
    """What became of an e-mail to a person: `step` is sent, delivered, bounced, opened, clicked, unsubscribed or complained, and `bounce`
    hard or soft."""

    person: str
    at: Instant
    day: str
    step: str
    message: str
    campaign: str
    bounce: str
    is_machine: int
    kind: str = "emailed"


class SocialEngaged(NamedTuple):
    """What a person did on a social network. `sentiment` is as stated, and in whole millionths."""

    person: str
    at: Instant
    day: str
    network: str
    action: str
    post: str
    campaign: str
    sentiment: str
    sentiment_millionths: int
    kind: str = "social_engaged"


class ContentSeen(NamedTuple):
    """A person and a piece of content: `step` is viewed or downloaded, `took` is how long it was read or watched."""

    person: str
    at: Instant
    day: str
    step: str
    content: str
    campaign: str
    took: Micros
    progress_millionths: int
    kind: str = "content_seen"


class ContentAnswer(NamedTuple):
    """A need or an objection that a piece of content answers, as stated: its `answers`, else its `topics`."""

    content: str
    topic: str
    at: Instant
    day: str
    kind: str = "content_answer"


class Excluded(NamedTuple):
    """A touchpoint that is in no other figure, and why: bot, test, the network that it came from, or agent: the definition excludes who
    calls itself so."""

    subject: str
    day: str
    type: str
    why: str
    kind: str = "excluded"


class EventStep(NamedTuple):
    """A person and an event: `step` is registered or attended."""

    person: str
    at: Instant
    day: str
    step: str
    event: str
    format: str
    campaign: str
    minutes: int
    kind: str = "event_step"


class FormStep(NamedTuple):
    """A person and a form: `step` is started or submitted."""

    person: str
    at: Instant
    day: str
    step: str
    form: str
    intent: str
    campaign: str
    kind: str = "form_step"


class SurveyStep(NamedTuple):
    """A survey: `step` is sent or answered, by a person or, for so many `respondents`, by a panel (company:self).

    `score` is as stated; the score and its scale in whole millionths, which are exact up to six decimals and half to even beyond."""

    subject: str
    at: Instant
    day: str
    nth: int
    step: str
    survey: str
    wave: str
    survey_kind: str
    question: str
    score: str
    score_millionths: int
    scale_min_millionths: int
    scale_max_millionths: int
    choice: str
    about: str
    respondents: int
    kind: str = "survey_step"


class Referred(NamedTuple):
    """The person came by `by_subject`, or by a partner."""

    person: str
    at: Instant
    day: str
    by_subject: str
    partner: str
    code: str
    kind: str = "referred"


class ProductStep(NamedTuple):
    """A person and the product, or the shop: `step` is signed_up, trial_started, used, viewed, cart_updated or checkout_started.
    `ends_at` is that of a trial."""

    person: str
    at: Instant
    day: str
    step: str
    plan: str
    feature: str
    product: str
    times: int
    items: int
    amount_minor: int
    currency: str
    ends_at: Instant
    ends_on: str
    kind: str = "product_step"


class Activity(NamedTuple):
    """What sales and a person did: `activity` is prospected, message, call, meeting, demo or follow_up.

    An attempt is an outgoing call of any outcome, an outgoing message that no machine sent, or a held meeting or demo; a conversation is a
    connected call, or a held meeting or demo. `medium` is a message's, or a prospecting's method. `scheduled` and `plan_step` say what a
    follow-up does: a scheduled activity, a step of the plan."""

    person: str
    at: Instant
    day: str
    activity: str
    activity_kind: str
    owner: str
    team: str
    direction: str
    medium: str
    outcome: str
    status: str
    is_automated: int
    is_attempt: int
    is_conversation: int
    took: Micros
    starts_at: Instant
    starts_on: str
    lead: str
    deal: str
    order_id: str
    scheduled: str
    plan_step: str
    kind: str = "activity"


class Offered(NamedTuple):
    """An offer in a deal: `step` is proposal_sent or negotiation, `said_by` us or them. `discount_minor` is as stated, else what the list
    price is above the amount. `is_priced`, `is_listed` and `is_discounted` say which of the three amounts are known; the others are 0."""

    subject: str
    at: Instant
    day: str
    nth: int
    step: str
    deal: str
    proposal: str
    version: str
    said_by: str
    owner: str
    team: str
    is_priced: int
    amount_minor: int
    is_listed: int
    list_minor: int
    is_discounted: int
    discount_minor: int
    currency: str
    valid_until_on: str
    kind: str = "offered"


class TicketStep(NamedTuple):
    """A support ticket that came to a status: opened, pending, resolved or reopened."""

    person: str
    at: Instant
    day: str
    nth: int
    ticket: str
    status: str
    category: str
    priority: str
    kind: str = "ticket_step"


class NeedStated(NamedTuple):
    """A need that a person stated."""

    person: str
    at: Instant
    day: str
    topic: str
    severity: str
    deal: str
    kind: str = "need_stated"


class Objection(NamedTuple):
    """An objection: `step` is raised or handled, and `outcome` of one that was handled is overcome or open."""

    person: str
    at: Instant
    day: str
    nth: int
    step: str
    objection: str
    topic: str
    outcome: str
    competitor: str
    content: str
    deal: str
    kind: str = "objection"


class Consented(NamedTuple):
    """A consent given, or (`is_given` 0) withdrawn, for a purpose, and a channel where it is for one. `expires_at` 0: it does not.

    It is said for `said_for`, one of the person's ids: of a person who came to be one of several, what each id said last stands."""

    person: str
    at: Instant
    day: str
    nth: int
    said_for: str
    is_given: int
    purpose: str
    channel: str
    basis: str
    text_version: str
    expires_at: Instant
    expires_on: str
    kind: str = "consented"


class SubscriptionStep(NamedTuple):
    """A subscription: `step` is started, changed, renewed or ended. `mrr_minor` counts from `effective_on` on; of one that ended it is 0,
    from the day after its last, which is `term_end_on`. `term_days` counts both ends of the term; `churn_kind` is voluntary or
    involuntary."""

    subject: str
    at: Instant
    day: str
    nth: int
    step: str
    subscription: str
    plan: str
    mrr_minor: int
    currency: str
    effective_on: str
    term_start_on: str
    term_end_on: str
    term_days: int
    is_auto_renewed: int
    reason: str
    churn_kind: str
    deal: str
    kind: str = "subscription_step"


class AccountMember(NamedTuple):
    """A person and an account: `step` is joined or left."""

    person: str
    at: Instant
    day: str
    nth: int
    step: str
    account: str
    role: str
    kind: str = "account_member"


class PressMentioned(NamedTuple):
    """A mention in the press. `sentiment` is as stated, and in whole millionths."""

    at: Instant
    day: str
    outlet: str
    competitor: str
    reach: int
    sentiment: str
    sentiment_millionths: int
    topics: tuple[str, ...]
    kind: str = "press_mentioned"


class CustomSeen(NamedTuple):
    """A custom touchpoint of any subject. `value` is as stated, money where there is a currency, and in whole thousandths."""

    subject: str
    at: Instant
    day: str
    name: str
    campaign: str
    value: str
    value_thousandths: int
    amount_minor: int
    currency: str
    kind: str = "custom_seen"


# --- of statements: only what counts, so that none is there twice. Those about a period are of its days, both included.


class Scheduled(NamedTuple):
    """An activity that is to be, or was. `at` is when it was first stated, `stated_at` when it was last, and `status` is of then."""

    subject: str
    at: Instant
    day: str
    activity: str
    activity_kind: str
    due_at: Instant
    due_on: str
    owner: str
    team: str
    status: str
    stated_at: Instant
    deal: str
    kind: str = "scheduled"


class Insight(NamedTuple):
    """What a provider says of the market, or of a competitor in it. `total` is the market's, "" and -1 where it is not stated."""

    start_on: str
    end_on: str
    provider: str
    metric: str
    basis: str
    market: str
    competitor: str
    value: str
    value_thousandths: int
    total: str
    total_thousandths: int
    currency: str
    kind: str = "insight"


class Target(NamedTuple):
    """What is to be reached in a period. `amount_minor` is its value as money, where it has a currency."""

    start_on: str
    end_on: str
    metric: str
    owner: str
    team: str
    channel: str
    campaign: str
    value: str
    value_thousandths: int
    amount_minor: int
    currency: str
    kind: str = "target"


class MediaReport(NamedTuple):
    """What a platform says of a period. Its reach is never added to ours, nor to another's. `is_brand`: whether its query has a brand term
    of the definition in it."""

    start_on: str
    end_on: str
    provider: str
    channel: str
    campaign: str
    ad: str
    query: str
    is_brand: int
    impressions: int
    clicks: int
    reach: int
    views: int
    engagements: int
    followers: int
    kind: str = "media_report"


class Aliased(NamedTuple):
    """`alias`, case-folded, means `campaign` from `at` on, until before `until_at`."""

    alias: str
    campaign: str
    at: Instant
    day: str
    until_at: Instant
    kind: str = "aliased"


class Rate(NamedTuple):
    """One minor unit of `base` is num/den, in lowest terms, of one of `quote`, from `day` to `until_day`. There is one a pair and day."""

    base: str
    quote: str
    day: str
    until_day: str
    num: int
    den: int
    kind: str = "rate"


Fact = (
    Touched | StageEntered | LeadMoved | LeadStood | Scored | Converted | Outlook | Ordered | Lowered | LeftOut | Described | DealStood
    | Spent | FirstTouched | SessionStarted | SessionEngaged | Milestone | Spelled | Exposed | Emailed | SocialEngaged | ContentSeen
    | EventStep | FormStep | SurveyStep | Referred | ProductStep | Activity | Offered | TicketStep | NeedStated | Objection | Consented
    | SubscriptionStep | AccountMember | PressMentioned | CustomSeen | Scheduled | Insight | Target | MediaReport | Aliased | Rate
    | DealPerson | ContentAnswer | Excluded | SegmentMoved | TouchNoted
)  # fmt: skip

Facts = Counter[Fact]
"""A multiset of facts; a negative count takes back."""

KINDS: dict[str, type[Fact]] = {kind._field_defaults["kind"]: kind for kind in get_args(Fact)}


def to_row(fact: Fact, count: int) -> list[Any]:
    """`fact`, `count` times, as plain values for JSON."""
    return [fact[-1], count, *fact[:-1]]


def from_row(row: list[Any]) -> tuple[Fact, int]:
    """What `to_row` made, read from JSON."""
    kind, count, *values = row
    match kind:
        case "stage_entered" | "lead_moved" | "segment_moved":
            values[-1] = tuple(tuple(key) for key in values[-1])
        case "converted":
            values[-1] = tuple(Touch(*touch) for touch in values[-1])
        case "outlook":
            values[-1] = tuple(ahead_of(fact) for fact in values[-1])
        case "deal_stood" | "ordered" | "press_mentioned":
            values[-1] = tuple(values[-1])
        case _:
            pass
    return KINDS[kind](*values), count


def is_of_this_fold(row: list[Any]) -> bool:
    """Whether `row` has as many values as facts of its kind have now. Those of an older fold are void: all was derived anew after them."""
    return len(row) == 1 + len(KINDS[row[0]]._fields)


def ahead_of(values: list[Any]) -> Ahead:
    """What an outlook holds, read from JSON: its kind is last."""
    *rest, kind = values
    fact, _ = from_row([kind, 1, *rest])
    assert isinstance(fact, Ahead)
    return fact


def spelled(name: str) -> Spelled | None:
    """What whoever asserts a fact of a campaign says of its name besides; None where it is written as it is compared."""
    folded = name.casefold()
    return None if folded == name else Spelled(name, folded)


def subtract(facts: Facts, taken: Facts) -> Facts:
    """`facts` less `taken`, kept where not zero: what has to be handed out to turn the one into the other."""
    difference = Counter(facts)
    difference.subtract(taken)
    return Counter({fact: count for fact, count in difference.items() if count})
