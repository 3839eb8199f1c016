"""What was spent, what results cost, and what spending returned.

A cost of a result is a ratio of two tables: money, and what is in no currency. So results stand beside the costs once in each currency
that these are in (`View.found`), and are counted as distinct ones: once in each, and once where all is converted to one.
"""

from collections.abc import Sequence

from projections.figures import attribution, reads
from projections.figures.audience import COST_KIND, FUNCTION, PROVIDER, SPENT
from projections.figures.conversions import customers_made
from projections.figures.credit import DIRECT
from projections.figures.defined import CUSTOMER, CUSTOMERS, LAG_DAYS
from projections.figures.dimensions import CAMPAIGN, CHANNEL, MAIN_CONTACT, Dimension, campaign_of, main_contact
from projections.figures.figure import Figure
from projections.figures.leads import leads_at
from projections.figures.measures import Aggregate, MeasurePart, Outcome, distinct, ratio, total
from projections.figures.periods import later
from projections.figures.views import View, last_of

FULL, MEDIA = "function = 'marketing'", "cost_kind = 'media'"
_OF_COST = ("spend_recorded.function", "spend_recorded.kind")

# --- what results cost

_RESULT = "'' AS function, '' AS cost_kind, '' AS provider, k.column1 AS currency, 0 AS cost_minor, 1 AS n"
_IN_EACH = "JOIN (VALUES :{currencies}) AS k ON k.column1 <> ''"
_LEADS = "'lead:' || x.person || ' ' || CAST(x.cycle AS TEXT) AS result, x.person, x.cycle, '' AS deal, x.at, x.day"
_OF_LEAD = "x.channel, x.campaign"
_DEALS = "x.deal AS result, '' AS person, 0 AS cycle, x.deal, x.at, x.day"
_OF_DEAL = "'' AS channel, '' AS campaign"


_NO_CAMPAIGN = "'' AS campaign, function, cost_kind, '' AS provider"


def _costs(name: str, where: str, currencies: str, *, of_wins: bool = False) -> View:
    """What was spent, of the kind `where` says, beside leads and deals; `of_wins`: beside deals won, of no campaign, as sales is told."""
    each = _IN_EACH.format(currencies=currencies)
    spent = (
        "SELECT 'spend' AS what, '' AS result, '' AS person, 0 AS cycle, '' AS deal, 0 AS at, day, 0 AS counted_at, day AS counted_on,"
        f" channel, {_NO_CAMPAIGN if of_wins else 'campaign, function, cost_kind, provider'}, currency, amount_minor AS cost_minor, n"
        f" FROM spend WHERE day <= :until_on AND {where}"
    )
    results = (
        (
            f"SELECT 'lead' AS what, {_LEADS}, x.at AS counted_at, x.day AS counted_on, {_OF_LEAD}, {_RESULT}"
            f" FROM leads AS x {each} WHERE x.step = 'created' AND x.at <= :until"
        ),
        (
            f"SELECT 'mql' AS what, {_LEADS}, x.mql_at AS counted_at, x.mql_on AS counted_on, {_OF_LEAD}, {_RESULT}"
            f" FROM ({leads_at.sql}) AS x {each} WHERE x.is_mql = 1"
        ),
        (
            f"SELECT 'sql' AS what, {_LEADS}, x.qualified_at AS counted_at, x.qualified_on AS counted_on, {_OF_LEAD}, {_RESULT}"
            f" FROM ({leads_at.sql}) AS x {each} WHERE x.is_qualified = 1"
        ),
        (
            f"SELECT 'opportunity' AS what, {_DEALS}, x.opened_at AS counted_at, x.opened_on AS counted_on, {_OF_DEAL}, {_RESULT}"
            f" FROM ({last_of('deals', 'deal').sql}) AS x {each} WHERE x.opened_at > 0 AND x.opened_at <= :until"
        ),
        (
            f"SELECT 'win' AS what, {_DEALS}, x.closed_at AS counted_at, x.closed_on AS counted_on, {_OF_DEAL}, {_RESULT}"
            f" FROM ({last_of('deals', 'deal', where=_IS_WON).sql}) AS x {each}"
        ),
    )
    return View(
        name,
        " UNION ALL ".join((spent, *(results[-1:] if of_wins else results))),
        unit=("what", "channel", "cost_kind", "deal") if of_wins else ("what", "campaign", "provider", "person", "cycle", "deal"),
        tables=("spend", "deals") if of_wins else ("spend", "leads", "lead_states", "deals"),
        grain="day",
        sums=("cost_minor",),
        options=((currencies, ()),),
        found=((currencies, f"SELECT DISTINCT s.currency FROM ({spent}) AS s WHERE s.day >= :from_on AND s.day < :to_on"),),
        money_on="day",
    )


_IS_WON = "outcome = 'won'"
media_costs = _costs("media costs and results", MEDIA, "media_currencies")
full_costs = _costs("marketing's costs and results", FULL, "cost_currencies")


def _joined(name: str) -> str:
    touch = "LEFT JOIN first_touched AS {name}_touch ON {name}_touch.person = {name}_person.person AND {name}_touch.is_first = 1"
    return f"{main_contact()} {touch} AND {{name}}_touch.at <= {{at}}".replace("{name}", name)


_SAYS = "of a cost and of a lead its own, of a deal that which its main contact came by first"
_BY_RESULT = (
    Dimension(
        "channel",
        "CASE WHEN v.deal = '' THEN v.channel ELSE COALESCE(channel_touch.channel, '') END",
        _joined("channel"),
        f"channel: {_SAYS}",
        tables=MAIN_CONTACT,
    ),
    campaign_of(
        "CASE WHEN v.deal = '' THEN v.campaign ELSE COALESCE(campaign_touch.campaign, '') END",
        _joined("campaign"),
        f"campaign: {_SAYS}",
        MAIN_CONTACT,
    ),
)

_RESULTS = {
    "lead": ("new lead", "leads created", reads.LEADS),
    "mql": ("lead that became an MQL", "leads that became an MQL", reads.MQLS),
    "sql": ("lead that sales qualified (SQL)", "leads qualified", ("lead_qualified.owner",)),
    "opportunity": ("deal that was opened", "deals opened", ("deal_opened.people",)),
    "win": ("deal that stands as won", "deals won, dated by their last close", ("close.outcome",)),
}


def _cost(result: str, of: View, name: str, spent: str, by: tuple[Dimension, ...] = _BY_RESULT) -> Figure:
    one, many, read = _RESULTS[result]
    return Figure(
        name=name,
        says=f"What {spent} comes to for each {one}; null where there was none.",
        formula=f"{spent} / {many}, both of the period",
        unit="money",
        tells="cost",
        source="docs/marketing.md",
        of=of,
        dated="counted",
        by=by,
        measure=ratio(total("cost_minor"), distinct("result", f"v.what = '{result}'")),
        reads=(*SPENT, *_OF_COST, *read),
    )


MEDIA_COSTS = tuple(_cost(result, media_costs, f"cost_per_{result}", "media spend") for result in _RESULTS)
FULL_COSTS = tuple(_cost(result, full_costs, f"full_cost_per_{result}", "all of marketing's spend") for result in _RESULTS)
OF_WINS = (
    _cost("win", _costs("media costs and wins", MEDIA, "media_currencies", of_wins=True), "win_cost", "media spend", _BY_RESULT[:1]),
    _cost(
        "win",
        _costs("all costs and wins", FULL, "cost_currencies", of_wins=True),
        "full_win_cost",
        "all of marketing's spend",
        _BY_RESULT[:1],
    ),
)
"""The same by channel, for sales, whose read model holds what was spent, and not on which campaign."""

# --- what was spent


def _spend(name: str, says: str, where: str) -> Figure:
    return Figure(
        name=name,
        says=f"{says}, day by day: a cost of a period is spread evenly over its days, in whole minor units.",
        formula="sum of costs",
        unit="money",
        tells="spend",
        source="docs/marketing.md",
        of=_spent,
        by=(CHANNEL, CAMPAIGN, FUNCTION, COST_KIND, PROVIDER),
        measure=total("amount_minor", where),
        reads=(*SPENT, *_OF_COST),
    )


_spent = View(
    "costs", "SELECT * FROM spend WHERE day <= :until_on", ("campaign", "provider"), ("spend",), "day", sums=("amount_minor",)
)  # fmt: skip
SPEND = (
    _spend("marketing_spend", "What marketing spent, of every kind", "v.function = 'marketing'"),
    _spend("media_spend", "What advertising in media cost", "v.cost_kind = 'media'"),
    _spend("sales_spend", "What sales spent, salaries with it: no part of marketing's spend", "v.function = 'sales'"),
)

# --- what customers cost, and what spending returned

# The last touch that is not direct, else the last: what `credit.last_non_direct` gives all of a conversion.
_LAST_NON_DIRECT = (
    "ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY"
    f" CASE WHEN c.channel = '{DIRECT}' THEN 0 ELSE 1 END DESC, c.touched_at DESC, c.person DESC, c.place DESC) AS nth_touch"
)


def _credited(key: str) -> str:
    return (
        f"SELECT * FROM (SELECT c.*, {_LAST_NON_DIRECT.format(key=key)} FROM ({attribution.converted.sql}) AS c) AS r WHERE nth_touch = 1"
    )


_TOUCH = "touched_at, person, place, type"
_NO_TOUCH = "0 AS touched_at, '' AS person, 0 AS place, '' AS type"
_NOT_CONVERTED = "'' AS conversion, '' AS of_what"
_COST = "channel, campaign, function, cost_kind, provider, currency, amount_minor AS cost_minor"
_NO_COST = "'' AS function, '' AS cost_kind, '' AS provider"
_LATER = f"CASE WHEN :lag_days = 0 THEN day ELSE {later('day', 'CAST(:lag_days AS INTEGER)')} END"

_LAGGED = (
    f"SELECT 'spend' AS what, {_NOT_CONVERTED}, '' AS customer, '' AS whose, 0 AS is_first, 0 AS at, day, 0 AS counted_at,"
    f" {_LATER} AS counted_on, {_NO_TOUCH}, {_COST}, n FROM spend"
)
_SPENT_BEFORE = f"SELECT * FROM ({_LAGGED}) AS s WHERE s.counted_on <= :until_on"
_NEW_CUSTOMERS = (
    "SELECT 'customer' AS what, m.conversion, m.of_what, m.customer, CASE WHEN m.contact_of = '' THEN m.person ELSE '' END AS whose,"
    f" 1 AS is_first, m.at, m.day, m.at AS counted_at, m.day AS counted_on, {', '.join(f't.{one}' for one in _TOUCH.split(', '))},"
    f" t.channel, t.campaign, {_NO_COST}, k.column1 AS currency, 0 AS cost_minor, 1 AS n"
    f" FROM ({customers_made.sql}) AS m {_IN_EACH.format(currencies='lagged_currencies')}"
    f" JOIN ({_credited('c.conversion, c.of_what, c.whose, c.at')}) AS t"
    " ON t.conversion = m.conversion AND t.of_what = m.of_what AND t.at = m.at AND (t.whose = '' OR t.whose = m.person)"
    " WHERE m.is_first = 1"
)
acquired = View(
    "costs and new customers",
    f"{_SPENT_BEFORE} UNION ALL {_NEW_CUSTOMERS}",
    unit=("what", "campaign", "provider", "conversion", "of_what", "customer", "at"),
    tables=("spend", "deals", "conversions", "paths", "lowered", "described"),
    grain="day",
    sums=("cost_minor",),
    options=(*attribution.converted.options, CUSTOMERS, CUSTOMER, LAG_DAYS, ("lagged_currencies", ())),
    found=(
        (
            "lagged_currencies",
            f"SELECT DISTINCT s.currency FROM ({_SPENT_BEFORE}) AS s WHERE s.counted_on >= :from_on AND s.counted_on < :to_on",
        ),
    ),
    money_on="day",
)
returned = View(
    "costs and the value of conversions",
    f"SELECT 'spend' AS what, {_NOT_CONVERTED}, '' AS whose, 0 AS at, day, {_NO_TOUCH}, {_COST}, 0 AS amount_minor, n"
    " FROM spend WHERE day <= :until_on UNION ALL"
    f" SELECT 'value' AS what, conversion, of_what, whose, at, day, {_TOUCH}, channel, campaign, {_NO_COST}, currency,"
    f" 0 AS cost_minor, amount_minor, n FROM ({_credited(', '.join(f'c.{one}' for one in attribution.converted.unit))}) AS t"
    " WHERE conversion IN (VALUES :customers)",
    unit=("what", "campaign", "provider", "conversion", "of_what", "whose", "at"),
    tables=("spend", "deals", "conversions", "paths", "lowered"),
    grain="day",
    sums=("cost_minor",),
    options=(*attribution.converted.options, CUSTOMERS),
)

_IS_PAID = "(SUBSTR(v.channel, 1, 5) = 'Paid ' OR v.channel IN ('Display', 'Affiliates'))"
_CREDITED = "of a cost its own, of a conversion that of its last touch that is not direct, else of its last"
_BY_CREDIT = (
    Dimension("channel", "v.channel", says=f"channel: {_CREDITED}"),
    campaign_of("v.campaign", says=f"campaign: {_CREDITED}"),
)


def _returns(part: Aggregate, cost: Aggregate) -> Aggregate:
    """`part` of `cost`, worked out of conversions: `n` says of how many."""
    of_both = ratio(part, cost)
    conversions = MeasurePart("sum", "", "v.what = 'value'")

    def outcome(sums: Sequence[int]) -> Outcome:
        return of_both.outcome(sums[:-1])._replace(n=sums[-1])

    return Aggregate((*of_both.parts, conversions), outcome)


def _cac(name: str, says: str, formula: str, spent: Aggregate, where: str) -> Figure:
    return Figure(
        name=name,
        says=f"{says} The costs are those of lag_days before the period, a number of the definition.",
        formula=formula,
        unit="money",
        tells="cost",
        source="definition: cac_lag_days, customer, attribution",
        of=acquired,
        dated="counted",
        by=_BY_CREDIT,
        measure=ratio(spent, distinct("customer", where)),
        reads=(*SPENT, *_OF_COST, *reads.PURCHASES),
        states=(LAG_DAYS[0],),
    )


def _roas(name: str, says: str, formula: str, where: str) -> Figure:
    return Figure(
        name=name,
        says=f"{says} The value is that of conversions that make customers, after refunds, dated by the conversion.",
        formula=formula,
        unit="ratio",
        tells="deal_value",
        source="definition: attribution",
        of=returned,
        by=_BY_CREDIT,
        measure=_returns(total("amount_minor"), total("cost_minor", where)),
        reads=(*SPENT, *_OF_COST, *reads.VALUE),
    )


RETURNS = (
    _cac(
        "cac",
        "What marketing and sales spent for each new customer (blended).",
        "all costs of marketing and sales / new customers, dated by their first conversion",
        total("cost_minor"),
        "v.what = 'customer'",
    ),
    _cac(
        "cac_paid",
        "What advertising in media cost for each new customer whose first conversion is credited to a paid channel: Paid ..., Display or"
        " Affiliates, by the last touch that is not direct.",
        "media spend / new customers of paid channels, dated by their first conversion",
        total("cost_minor", "v.cost_kind = 'media'"),
        f"v.what = 'customer' AND {_IS_PAID}",
    ),
    _roas(
        "roas",
        "Return on advertising spend: the value credited to the last touch that is not direct, by media spend.",
        "credited value / media spend (last non-direct)",
        "v.cost_kind = 'media'",
    ),
    _roas(
        "full_roas",
        "Return on all of marketing's spend: the value credited to the last touch that is not direct, by all that marketing spent.",
        "credited value / all of marketing's spend (last non-direct)",
        "v.function = 'marketing'",
    ),
)
