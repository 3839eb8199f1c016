"""The market: our share of it beside the competitors', as providers state it, and what the press writes."""

from projections.figures.deals import COUNTRY
from projections.figures.dimensions import DEAL_PROFILE, KIND, OF_THE_ACCOUNT, OF_THE_DEALS_PERSON, PIPELINE, PRODUCT, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, mean, ratio_of_one, total
from projections.figures.views import View, as_of, last_of

_SAME = ("provider", "metric", "basis", "market", "currency")
# No name holds what stands between them.
_SERIES = " || '\x1f' || ".join(f"i.{column}" for column in (*_SAME, "competitor"))
# The total is the one that our own row states: two totals of one market are not mixed.
insights = View(
    "insights",
    "SELECT i.start_on, i.end_on, i.end_on AS day, i.provider, i.metric, i.basis, i.market, i.competitor, i.value_thousandths,"
    f" COALESCE(o.total_thousandths, -1) AS of_total_thousandths, {_SERIES} AS series, i.n FROM insights AS i"
    " LEFT JOIN insights AS o ON o.competitor = '' AND o.start_on = i.start_on AND o.end_on = i.end_on"
    f" AND {' AND '.join(f'o.{column} = i.{column}' for column in _SAME)} WHERE i.end_on <= :until_on",
    unit=("provider", "metric", "basis", "market", "competitor", "start_on", "end_on"),
    tables=("insights",),
    grain="day",
)
pressed = as_of("press_mentioned", unit=("outlet", "at"), name="mentions in the press")

PROVIDER = Dimension("provider", "v.provider", says="who measured it")
METRIC = Dimension("metric", "v.metric", says="what the provider calls it")
BASIS = Dimension("basis", "v.basis", says="what was measured: mentions, impressions, spend, searches or revenue")
MARKET = Dimension("market", "v.market", says="market")
COMPETITOR = Dimension("competitor", "CASE v.competitor WHEN '' THEN 'ourselves' ELSE v.competitor END", says="competitor, or ourselves")
LOST_TO = Dimension("competitor", "v.competitor", says="competitor, as sales states it")
OUTLET = Dimension("outlet", "v.outlet", says="medium")

_VOICE = ("mentions", "impressions", "spend")
_TOTAL = "v.of_total_thousandths > 0"
_OURS, _THEIRS = "v.competitor = ''", "v.competitor <> ''"
_READS = ("market_insight.value", "market_insight.total")


def _share(name: str, says: str, basis: tuple[str, ...], whose: str) -> Figure:
    named = ", ".join(f"'{one}'" for one in basis)
    where = f"{_TOTAL} AND v.basis IN ({named}) AND {whose}"
    return Figure(
        name=name,
        says=says + " Of two providers, metrics, bases, markets, currencies or competitors there is no number: they are never mixed.",
        formula="value / total of the market, both as stated, dated by the last day of the period",
        unit="rate",
        source="as stated by the provider",
        of=insights,
        by=(PROVIDER, METRIC, BASIS, MARKET, COMPETITOR),
        measure=ratio_of_one("series", total("value_thousandths", where), total("of_total_thousandths", where)),
        reads=_READS,
    )


lost_to = last_of("deals", "deal", where="outcome = 'lost' AND competitor <> ''", name="deals lost to competitors")
_BY_DEAL = (LOST_TO, PIPELINE, KIND, PRODUCT, *OF_THE_DEALS_PERSON, *OF_THE_ACCOUNT, COUNTRY, *DEAL_PROFILE)

MARKETS = (
    _share("share_of_voice", "Our share of what is said, shown or spent in a market, where its total is stated.", _VOICE, _OURS),
    _share("share_of_search", "Our share of the searches in a market, where their total is stated.", ("searches",), _OURS),
    _share("market_share", "Our share of the revenue of a market, where its total is stated.", ("revenue",), _OURS),
    _share(
        "competitor_share",
        "A competitor's share, by competitor and basis, of the total that our own row states.",
        (*_VOICE, "searches", "revenue"),
        _THEIRS,
    ),
    Figure(
        name="press_mentions",
        says="Mentions in the press, of us or of competitors.",
        formula="number of press_mention touchpoints",
        unit="mentions",
        source="vocabulary: press_mention",
        of=pressed,
        by=(OUTLET, COMPETITOR),
        measure=count(),
        reads=("press_mention.outlet",),
    ),
    Figure(
        name="press_sentiment",
        says="Sentiment of the mentions in the press that state one, from -1 to 1, on average. Filter by competitor=ourselves"
        " for ours alone.",
        formula="sum of sentiment / number of mentions with one",
        unit="ratio",
        source="vocabulary: press_mention",
        of=pressed,
        by=(OUTLET, COMPETITOR),
        measure=mean("sentiment_millionths", 10**6, "v.sentiment <> ''"),
        reads=("press_mention.sentiment",),
    ),
    Figure(
        name="deals_lost_to",
        says="Deals whose last close is a loss to a competitor, by the competitor that it names. Losses that name none are in none.",
        formula="number of deals, dated by the last close",
        unit="deals",
        source="docs/deals.md",
        of=lost_to,
        dated="closed",
        by=_BY_DEAL,
        measure=count(),
        reads=("close.competitor", "close.outcome"),
    ),
    Figure(
        name="value_lost_to",
        says="Value of the deals whose last close is a loss to a competitor, as last stated up to the instant asked until.",
        formula="sum of their values, dated by the last close",
        unit="money",
        tells="deal_value",
        source="docs/deals.md",
        of=lost_to,
        dated="closed",
        by=_BY_DEAL,
        measure=total("amount_minor"),
        reads=("close.competitor", "close.outcome", "close.amount", "close.currency"),
    ),
)
