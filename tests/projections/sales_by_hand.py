"""Sales' numbers worked out row by row, as figures do not: leads and their handoff, open deals, what was won and lost."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal

from journey.definition import Definition
from journey.instants import DAY, Instant, day
from journey.leads import ANSWERS, NOT_HANDED_OVER, STATES
from journey.money import weighted
from projections.read_model import Ask, ReadStore
from tests.projections.by_hand import Asked, Money, StageRow, add, asked, cut, quantile, ratio, stage_of_person, stages

LEADS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead cycle as of an instant. `answer` is one of ANSWERS: it waits for one once it was handed over; of those accepted, `state` is
    one of working, qualified, recycled, disqualified."""

    person: str
    cycle: int
    created_on: str
    channel: str
    lead_source: str
    owner: str = ""
    stage: str = ""
    score: int = 0
    answer: str = NOT_HANDED_OVER
    state: str = ""
    is_mql: bool = False
    qualified: bool = False
    breached: bool = False
    basis: str = ""
    """What handed it over."""
    is_open: bool = True


@dataclass(slots=True)
class StageOfDeals:
    pipeline: str
    stage: str
    number: int = 0
    value: Money = field(default_factory=dict)
    weighted: Money = field(default_factory=dict)
    known: bool = True
    """Whether the definition has this stage in this pipeline."""
    unweighted: int = 0
    """Deals of which neither they nor the definition say how probable they are: in the value, and not in the weighted one."""


@dataclass(slots=True)
class Outcome:
    outcome: str
    number: int = 0
    value: Money = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class SalesReport:
    asked: Asked
    leads: int
    mql: int
    qualified: int
    breached: int
    answers: dict[str, int]
    states: dict[str, int]
    mql_accepted: float | None
    mql_to_sql: float | None
    stages: list[StageRow]
    top_leads: list[Lead]
    open_deals: list[StageOfDeals]
    outcomes: list[Outcome]
    opened: int
    win_rate: float | None
    cycle_days_median: float | None
    cycle_days_p90: float | None
    won_by_month: dict[str, Outcome]


async def report(store: ReadStore, definition: Definition, until: Instant) -> SalesReport:
    """Everything dated up to `until`, which is cut to the end of a day."""
    async with store.snapshot() as ask:
        return await of(ask, definition, until)


async def of(ask: Ask, definition: Definition, until: Instant) -> SalesReport:
    """The report of one state of the read model."""
    until = cut(until, definition.zone)
    ((position,),) = await ask("SELECT position FROM reflects")
    cycles = await _leads(ask, definition, until)
    deals = await _deals(ask, until)
    funnel = await stages(ask, until, definition.stage_names)
    outcomes = _outcomes(deals)
    won, lost = outcomes["won"].number, outcomes["lost"].number
    days = [deal.closed_at - deal.opened_at for deal in deals if deal.outcome == "won" and 0 < deal.opened_at <= deal.closed_at]
    mqls = [one for one in cycles if one.is_mql]
    return SalesReport(
        asked=asked(until, definition.zone, position),
        leads=len(cycles),
        mql=len(mqls),
        qualified=sum(one.qualified for one in cycles),
        breached=sum(one.breached for one in cycles),
        answers=_counted((one.answer for one in cycles), ANSWERS),
        states=_counted((one.state for one in cycles if one.state), STATES),
        mql_accepted=ratio(sum(one.answer == "accepted" for one in mqls), len(mqls)),
        mql_to_sql=ratio(sum(one.qualified for one in mqls), len(mqls)),
        stages=funnel,
        top_leads=sorted((one for one in cycles if one.is_open), key=lambda one: (-one.score, one.person, one.cycle))[:LEADS_SHOWN_MAX],
        open_deals=_open_deals(definition, deals),
        outcomes=list(outcomes.values()),
        opened=len(deals),
        win_rate=ratio(won, won + lost),
        cycle_days_median=_in_days(quantile(days, 0.5)),
        cycle_days_p90=_in_days(quantile(days, 0.9)),
        won_by_month=_won_by_month(deals, definition.zone),
    )


# --- leads


async def _leads(ask: Ask, definition: Definition, until: Instant) -> list[Lead]:
    """Every lead cycle as of `until`: its steps in order, those that only time brought included."""
    found: dict[tuple[str, int], Lead] = {}
    for person, cycle, created_on, channel, lead_source, owner, answer, state, is_mql, qualified, breached, basis, is_open in await ask(
        "SELECT person, cycle, created_on, channel, lead_source, owner, answer, state, is_mql, is_qualified, is_breached, basis, is_open"
        " FROM lead_states WHERE at <= ? ORDER BY person, at, nth",
        until,
    ):
        found[person, cycle] = Lead(
            person, cycle, created_on, channel, lead_source, owner, "", 0, answer, state, bool(is_mql), bool(qualified), bool(breached),
            basis, bool(is_open),
        )  # fmt: skip
    points = await ask("SELECT person, SUM(points * n) FROM scores WHERE at <= ? AND until_at > ? GROUP BY person", until, until)
    scores = {person: int(score) for person, score in points}
    in_stage = await stage_of_person(ask, until)
    return [replace(one, score=scores.get(one.person, 0), stage=in_stage.get(one.person, "")) for one in found.values()]


def _counted(values: object, names: tuple[str, ...]) -> dict[str, int]:
    counted = Counter(values)  # type: ignore[call-overload]
    return {name: counted[name] for name in names}


# --- deals


@dataclass(frozen=True, slots=True)
class Deal:
    deal: str
    outcome: str
    pipeline: str
    stage: str
    amount_minor: int
    currency: str
    probability: str
    reason: str
    opened_at: Instant
    closed_at: Instant


async def _deals(ask: Ask, until: Instant) -> list[Deal]:
    """Every deal as it stands at `until`."""
    last: dict[str, Deal] = {}
    for row in await ask(
        "SELECT deal, outcome, pipeline, stage, amount_minor, currency, probability, reason, opened_at, closed_at"
        " FROM deals WHERE at <= ? ORDER BY deal, at, nth",
        until,
    ):
        last[row[0]] = Deal(*row)
    return list(last.values())


def _open_deals(definition: Definition, deals: list[Deal]) -> list[StageOfDeals]:
    """Open deals by stage, in the order of the pipelines, then stages that none of them has; weighted by the deal's own probability,
    else its stage's."""
    rows: dict[tuple[str, str], StageOfDeals] = {}
    chances: dict[tuple[str, str], Decimal] = {}
    for pipeline in definition.pipelines:
        for stage in pipeline.stages:
            chances[pipeline.name, stage.name] = stage.probability
            if stage.outcome == "open":
                rows[pipeline.name, stage.name] = StageOfDeals(pipeline.name, stage.name)
    for deal in deals:
        if deal.outcome == "open":
            place = (deal.pipeline, deal.stage)
            row = rows.setdefault(place, StageOfDeals(*place, known=place in chances))
            row.number += 1
            add(row.value, deal.currency, deal.amount_minor)
            chance = Decimal(deal.probability) if deal.probability else chances.get(place)
            if chance is not None:
                add(row.weighted, deal.currency, weighted(deal.amount_minor, chance))
            else:
                row.unweighted += 1
    return list(rows.values())


def _outcomes(deals: list[Deal]) -> dict[str, Outcome]:
    outcomes = {name: Outcome(name) for name in ("won", "lost", "abandoned")}
    for deal in deals:
        if deal.outcome in outcomes:
            _tally(outcomes[deal.outcome], deal)
    return outcomes


def _won_by_month(deals: list[Deal], zone: str) -> dict[str, Outcome]:
    months: dict[str, Outcome] = defaultdict(lambda: Outcome("won"))
    for deal in deals:
        if deal.outcome == "won":
            _tally(months[day(deal.closed_at, zone)[:7]], deal)
    return dict(sorted(months.items()))


def _tally(outcome: Outcome, deal: Deal) -> None:
    outcome.number += 1
    add(outcome.value, deal.currency, deal.amount_minor)
    if deal.reason:
        outcome.reasons[deal.reason] = outcome.reasons.get(deal.reason, 0) + 1


def _in_days(micros: float | None) -> float | None:
    return None if micros is None else round(micros / DAY, 1)
