"""Deals: what is open, what was decided and how long it took."""

from projections.figures.dimensions import INDUSTRY, KIND, OWNER, PIPELINE, PRODUCT, REASON, STAGE, TEAM, TEAM_OF_OWNER
from projections.figures.figure import Figure
from projections.figures.measures import count, quantiles, ratio, total
from projections.figures.views import last_of

deals_at = last_of("deals", "deal")
open_at = last_of("deals", "deal", where="outcome = 'open'", name="open deals")

WON, DECIDED = "v.outcome = 'won'", "v.outcome IN ('won', 'lost')"
WHOSE = (OWNER, TEAM, TEAM_OF_OWNER, PIPELINE, KIND, PRODUCT, INDUSTRY)

win_rate = Figure(
    name="win_rate",
    says="Of the deals decided in the period, the share that was won. Abandoned deals are in neither part.",
    formula="won / (won + lost), dated by the last close",
    unit="share",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=ratio(count(WON), count(DECIDED)),
    reads=("close.outcome", "deal_opened.owner"),
)
deals_won = Figure(
    name="deals_won",
    says="Deals whose last close is a win.",
    formula="number of deals, dated by the last close",
    unit="deals",
    of=deals_at,
    dated="closed",
    by=(*WHOSE, REASON),
    measure=count(WON),
    reads=("close.outcome",),
)
won_value = Figure(
    name="won_value",
    says="Value of the deals won, after refunds, as last stated up to the instant asked until.",
    formula="sum of their values, dated by the last close",
    unit="money",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=total("amount_minor", WON),
    reads=("close.outcome", "close.amount", "close.currency", "refund.amount"),
)
cycle_time = Figure(
    name="cycle_time",
    says="From the opening of a deal to its close, of deals won in the period: looks short while slow deals are still open.",
    formula="median and 90 % quantile (type 7) of closed - opened",
    unit="duration",
    of=deals_at,
    dated="closed",
    by=WHOSE,
    measure=quantiles("took", "1/2", "9/10", where=f"{WON} AND v.took >= 0"),
    reads=("deal_opened.deal", "close.outcome"),
)
open_deals = Figure(
    name="open_deals",
    says="Deals open at the instant asked until.",
    formula="number of deals",
    unit="deals",
    of=open_at,
    dated=None,
    by=(*WHOSE, STAGE),
    measure=count(),
    reads=("deal_opened.deal",),
)
open_value = Figure(
    name="open_value",
    says="Value of the deals open at the instant asked until.",
    formula="sum of their values",
    unit="money",
    of=open_at,
    dated=None,
    by=(*WHOSE, STAGE),
    measure=total("amount_minor"),
    reads=("deal_opened.amount", "deal_opened.currency"),
)
weighted_value = Figure(
    name="weighted_value",
    says="Value of the open deals, each by its own probability as of then, else its stage's; deals with neither are left out.",
    formula="sum of value x probability, rounded per deal",
    unit="money",
    source="definition: pipelines",
    of=open_at,
    dated=None,
    by=(*WHOSE, STAGE),
    measure=total("weighted_minor", "v.is_weighted = 1"),
    reads=("deal_opened.amount", "deal_opened.currency", "deal_opened.stage", "deal_opened.probability"),
)

DECIDED_DEALS = (win_rate, deals_won, won_value, cycle_time)
OPEN_DEALS = (open_deals, open_value, weighted_value)
