"""Deals: what is open, what was decided and how long it took."""

from projections.figures.dimensions import (
    DEAL_LEAD_SOURCE,
    DEAL_PROFILE,
    KIND,
    OF_THE_ACCOUNT,
    OF_THE_DEALS_PERSON,
    OWNER,
    PIPELINE,
    PRODUCT,
    REASON,
    STAGE,
    TEAM,
    TEAM_OF_OWNER,
    Dimension,
    described,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, quantiles, ratio, total
from projections.figures.periods import quarter_named
from projections.figures.views import last_of

deals_at = last_of("deals", "deal")
open_at = last_of("deals", "deal", where="outcome = 'open'", name="open deals")

WON, LOST, DECIDED = "v.outcome = 'won'", "v.outcome = 'lost'", "v.outcome IN ('won', 'lost')"
CLOSED = "v.outcome <> 'open'"

OUTCOME = Dimension("outcome", "v.outcome", says="open, won, lost or abandoned")
KNOWN_STAGE = Dimension(
    "known_stage", "CASE v.is_known_stage WHEN 1 THEN 'yes' ELSE 'no' END", says="whether the definition has the stage in the pipeline"
)
ACCOUNT = Dimension("account", "v.account", says="account of the deal")
COMPETITOR = Dimension("competitor", "v.competitor", says='competitor that the last close names; "" where it names none')
COUNTRY = described("country", "'account:' || v.account", "country", "country of the account as of the row's instant")

_EXPECTED = "v.expected_close_on"
EXPECTED_MONTH = Dimension(
    "expected_month", f"SUBSTR({_EXPECTED}, 1, 7)", says='month of the expected close; "" where none is known', order=()
)
EXPECTED_QUARTER = Dimension(
    "expected_quarter",
    f"CASE WHEN {_EXPECTED} = '' THEN '' ELSE {quarter_named(_EXPECTED)} END",
    says='quarter of the expected close, by the month in which the fiscal year starts; "" where none is known',
    order=(),
)

WHENCE = (*OF_THE_DEALS_PERSON, DEAL_LEAD_SOURCE)
WHOSE = (OWNER, TEAM, TEAM_OF_OWNER, PIPELINE, STAGE, KIND, PRODUCT, *WHENCE, ACCOUNT, *OF_THE_ACCOUNT, COUNTRY, *DEAL_PROFILE)

_OF_OPEN = (*WHOSE, KNOWN_STAGE, EXPECTED_MONTH, EXPECTED_QUARTER)

_OPEN = ("deal_opened.deal", "deal_updated.deal", "deal_reopened.deal")
_PRICED = ("deal_opened.amount", "deal_opened.currency", "deal_updated.amount", "deal_updated.currency")

win_rate = Figure(
    name="win_rate",
    says="Of the deals decided in the period, the share that was won. Abandoned deals are in neither part.",
    formula="won / (won + lost), dated by the last close",
    unit="share",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=ratio(count(WON), count(DECIDED)),
    reads=("close.outcome",),
)
deals_won = Figure(
    name="deals_won",
    says="Deals whose last close is a win.",
    formula="number of deals, dated by the last close",
    unit="deals",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=(*WHOSE, REASON, COMPETITOR),
    measure=count(WON),
    reads=("close.outcome",),
)
won_value = Figure(
    name="won_value",
    says="Value of the deals won, after refunds, as last stated up to the instant asked until.",
    formula="sum of their values, dated by the last close",
    unit="money",
    tells="deal_value",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=total("amount_minor", WON),
    reads=("close.amount", "close.currency", "close.outcome"),
)
deals_lost = Figure(
    name="deals_lost",
    says="Deals whose last close is a loss.",
    formula="number of deals, dated by the last close",
    unit="deals",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=(*WHOSE, REASON, COMPETITOR),
    measure=count(LOST),
    reads=("close.outcome", "close.reason"),
)
deals_closed = Figure(
    name="deals_closed",
    says="Deals won, lost or abandoned, each as last closed: one that is open again is none of them.",
    formula="number of deals, dated by the last close",
    unit="deals",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=(OUTCOME, *WHOSE, REASON, COMPETITOR),
    measure=count(CLOSED),
    reads=("close.outcome", "close.reason"),
)
closed_value = Figure(
    name="closed_value",
    says="Value of the deals won, after refunds, and of those lost or abandoned, as last stated up to the instant asked until.",
    formula="sum of their values, dated by the last close",
    unit="money",
    tells="deal_value",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=(OUTCOME, *WHOSE, REASON, COMPETITOR),
    measure=total("amount_minor", CLOSED),
    reads=("close.amount", "close.currency", "close.outcome"),
)
cycle_time = Figure(
    name="cycle_time",
    says="From the opening of a deal to its close, of deals won in the period: looks short while slow deals are still open.",
    formula="median and 90 % quantile (type 7) of closed - opened",
    unit="duration",
    source="docs/deals.md",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=quantiles("took", "1/2", "9/10", where=f"{WON} AND v.took >= 0"),
    reads=("close.outcome",),
)
open_deals = Figure(
    name="open_deals",
    says="Deals open at the instant asked until.",
    formula="number of deals",
    unit="deals",
    source="docs/deals.md",
    of=open_at,
    dated=None,
    by=_OF_OPEN,
    measure=count(),
    reads=_OPEN,
)
open_value = Figure(
    name="open_value",
    says="Value of the deals open at the instant asked until.",
    formula="sum of their values",
    unit="money",
    tells="deal_value",
    source="docs/deals.md",
    of=open_at,
    dated=None,
    by=_OF_OPEN,
    measure=total("amount_minor"),
    reads=_PRICED,
)
weighted_value = Figure(
    name="weighted_value",
    says="Value of the open deals, each by its own probability as of then, else its stage's; deals with neither are left out.",
    formula="sum of value x probability, rounded per deal",
    unit="money",
    tells="deal_value",
    source="definition: pipelines",
    of=open_at,
    dated=None,
    by=_OF_OPEN,
    measure=total("weighted_minor", "v.is_weighted = 1"),
    reads=(*_PRICED, "deal_opened.stage", "deal_opened.probability", "deal_updated.stage", "deal_updated.probability"),
)

unweighted_deals = Figure(
    name="unweighted_deals",
    says="Open deals of which neither they nor the definition say how probable they are: in the value, and not in the weighted one.",
    formula="number of deals",
    unit="deals",
    source="definition: pipelines",
    of=open_at,
    dated=None,
    by=_OF_OPEN,
    measure=count("v.is_weighted = 0"),
    reads=(*_OPEN, "deal_opened.stage", "deal_opened.probability"),
)
deals_opened = Figure(
    name="deals_opened",
    says="Deals opened in the period, as they stand at the instant asked until. Those without a known opening are in none.",
    formula="number of deals, dated by the opening",
    unit="deals",
    source="docs/deals.md",
    of=deals_at,
    dated="opened",
    by=(OUTCOME, *WHOSE),
    measure=count("v.opened_at > 0"),
    reads=("deal_opened.deal",),
)
deals = Figure(
    name="deals",
    says="All deals known at the instant asked until, also those without a known opening: open, won, lost and abandoned.",
    formula="number of deals",
    unit="deals",
    source="docs/deals.md",
    of=deals_at,
    dated=None,
    by=(OUTCOME, *WHOSE),
    measure=count(),
    reads=(*_OPEN, "close.outcome"),
)

DECIDED_DEALS = (win_rate, deals_closed, closed_value, deals_won, won_value, deals_lost, cycle_time)
OPEN_DEALS = (open_deals, open_value, weighted_value, unweighted_deals, deals_opened, deals)
