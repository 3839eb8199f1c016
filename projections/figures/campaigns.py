"""Campaigns: spend that no touchpoint is of, touchpoints that no spend is of, and what was before, during and after them."""

from dataclasses import replace

from projections.figures import reads
from projections.figures.audience import COST_KIND, PROVIDER, SPENT
from projections.figures.dimensions import (
    CAMPAIGN,
    CAMPAIGN_TITLES,
    CAMPAIGNS_BY_NAME,
    CHANNEL,
    KIND,
    LEAD_TEAM,
    MAIN_CONTACT,
    PERSON_STAGE,
    PIPELINE,
    PRODUCT,
    PROFILE,
    Dimension,
    about,
    main_contact,
    stage_of,
)
from projections.figures.figure import Figure
from projections.figures.leads import new_leads
from projections.figures.measures import Aggregate, count, total
from projections.figures.periods import days_between, later
from projections.figures.views import View, last_of

# --- spend without touches, and touches without spend

_NAMED = ("aliases", "described", "spelled")
_OWN = f"COALESCE(c.campaign, x.campaign) AS own FROM {{table}} AS x LEFT JOIN ({CAMPAIGNS_BY_NAME}) AS c ON c.name = x.campaign"
_DATED = "x.campaign <> '' AND x.day <= :until_on"


def _campaigns(table: str) -> str:
    return f"SELECT DISTINCT {_OWN.format(table=table)} WHERE {_DATED}"


def _key(name: str, folded: str) -> str:
    """What is left of a name without regard to case, spaces and signs between words: two of one key may be one campaign."""
    key = f"COALESCE({folded}, {name})"
    for sign in ("-", "_", " ", ".", "+"):
        key = f"REPLACE({key}, '{sign}', '')"
    return key


def _alike(source: str) -> str:
    """For each key of the campaigns that `source` is SQL of, the first of them by name."""
    key = _key("n.own", "s.folded")
    return f"SELECT {key} AS k, MIN(n.own) AS own FROM ({source}) AS n LEFT JOIN spelled AS s ON s.name = n.own GROUP BY {key}"


def _without(table: str, other: str, alike: str) -> str:
    """The rows of `table` of campaigns that `other` has none of, with `alike`: of those in `alike` the one that is called alike."""
    return (
        f"SELECT w.*, COALESCE(a.own, '') AS alike FROM (SELECT x.*, {_OWN.format(table=table)} WHERE {_DATED}) AS w"
        f" LEFT JOIN ({_campaigns(other)}) AS o ON o.own = w.own LEFT JOIN spelled AS s ON s.name = w.own"
        f" LEFT JOIN ({_alike(alike)}) AS a ON a.k = {_key('w.own', 's.folded')} WHERE o.own IS NULL"
    )


_TOUCHED_ALIKE = (
    f"SELECT t.own FROM ({_alike(_campaigns('touched'))}) AS t JOIN ({_alike(_campaigns('spend'))}) AS c ON c.k = t.k AND c.own <> t.own"
)
unseen = View(
    "costs of campaigns without touchpoints",
    _without("spend", "touched", "SELECT k.column1 AS own FROM (VALUES :touched_alike) AS k WHERE k.column1 <> ''"),
    unit=("campaign", "provider"),
    tables=("spend", "touched", *_NAMED),
    grain="day",
    sums=("amount_minor",),
    options=(("touched_alike", ()),),
    # Found before it is asked: evidence has the touchpoints of nobody but those that it is asked about.
    found=(("touched_alike", _TOUCHED_ALIKE),),
)
unpaid = View(
    "touchpoints of campaigns without costs",
    _without("touched", "spend", _campaigns("spend")),
    unit=("person", "campaign"),
    tables=("touched", "spend", *_NAMED),
    grain="day",
)


def _quoted(name: str) -> str:
    return f"""'"' || REPLACE(REPLACE({name}, '\\', '\\\\'), '"', '\\"') || '"'"""


def _line(campaign: str, name: str) -> str:
    return f"'{{campaign: ' || {_quoted(campaign)} || ', names: [' || {_quoted(name)} || ']}}'"


def _alias(costs: str, touches: str) -> Dimension:
    """What a campaign of costs and one of touchpoints are joined by. A campaign that was launched under its own name is no alias."""
    launched = "SELECT DISTINCT subject FROM described WHERE field = 'name' AND at <= :until"
    plain, swapped = _line(costs, touches), _line(touches, costs)
    unknown = _line(f"COALESCE(NULLIF({costs}, ''), '?')", f"COALESCE(NULLIF({touches}, ''), '?')")
    return Dimension(
        "alias",
        f"CASE WHEN v.alike = '' THEN {unknown} WHEN alias.subject IS NOT NULL THEN {swapped} ELSE {plain} END",
        f"LEFT JOIN ({launched}) AS alias ON alias.subject = 'campaign:' || {touches}",
        "the line to add to the definition's campaign_aliases if both are one campaign; ? where none is called alike",
        tables=("described",),
    )


ALIAS_OF_COST, ALIAS_OF_TOUCH = _alias("v.own", "v.alike"), _alias("v.alike", "v.own")

GAPS = (
    Figure(
        name="spend_without_touches",
        says="What was spent on campaigns of which no touchpoint is known up to the instant asked until.",
        formula="sum of costs of campaigns without a touchpoint",
        unit="money",
        tells="spend",
        source="docs/marketing.md",
        of=unseen,
        by=(CHANNEL, CAMPAIGN, ALIAS_OF_COST, COST_KIND, PROVIDER),
        measure=total("amount_minor"),
        reads=SPENT,
    ),
    Figure(
        name="touches_without_spend",
        says="Touchpoints that marketing counts, of campaigns on which nothing is known to have been spent up to the instant asked until.",
        formula="number of touchpoints of campaigns without a cost",
        unit="touchpoints",
        source="docs/marketing.md",
        of=unpaid,
        by=(CHANNEL, CAMPAIGN, ALIAS_OF_TOUCH, LEAD_TEAM, *PROFILE, PERSON_STAGE),
        measure=count(),
        reads=reads.TRAFFIC,
    ),
)

# --- before, during and after

WINDOW_DAYS_MAX = 400
"""A campaign that went on for longer is compared with nothing."""

_SAID = last_of("described", "subject", "field", where="SUBSTR(subject, 1, 9) = 'campaign:' AND field IN ('start_on', 'end_on', 'ended')")
# The day on which it was ended counts where that is before its plan's last.
_PLANS = (
    "SELECT SUBSTR(d.subject, 10) AS compared, MAX(CASE WHEN d.field = 'start_on' THEN d.value END) AS start_on,"
    " MIN(CASE d.field WHEN 'end_on' THEN d.value WHEN 'ended' THEN d.day END) AS end_on"
    f" FROM ({_SAID.sql}) AS d GROUP BY d.subject"
)
_LENGTHS = (
    f"SELECT p.compared, p.start_on, {days_between('p.start_on', 'p.end_on')} + 1 AS length FROM ({_PLANS}) AS p"
    " WHERE p.start_on <= p.end_on"
)
_NUMBERED = (
    "WITH RECURSIVE numbered(compared, start_on, length, nth) AS ("
    f"SELECT l.compared, l.start_on, l.length, 0 FROM ({_LENGTHS}) AS l WHERE l.length <= {WINDOW_DAYS_MAX}"
    " UNION ALL SELECT m.compared, m.start_on, m.length, m.nth + 1 FROM numbered AS m WHERE m.nth + 1 < 3 * m.length"
    ") SELECT * FROM numbered"
)
_WINDOWS = "CASE d.nth / d.length WHEN 0 THEN 'before' WHEN 1 THEN 'during' ELSE 'after' END"
# A window that is not over is in nothing: it would be compared with longer ones.
_DAYS = (
    "SELECT DISTINCT w.compared, w.time_window, CAST(w.window_day AS TEXT) AS window_day"
    f" FROM (SELECT d.compared, {_WINDOWS} AS time_window, {later('d.start_on', 'd.nth - d.length')} AS window_day,"
    f" {later('d.start_on', 'd.length * (d.nth / d.length) - 1')} AS last_day FROM ({_NUMBERED}) AS d) AS w WHERE w.last_day <= :until_on"
)
WINDOW = Dimension(
    "window",
    "v.time_window",
    says="before, during or after the campaign: three spans of as many days as it went on",
    order=("before", "during", "after"),
)
_CAMPAIGN = Dimension("campaign", "v.compared", says="campaign whose windows these are; a row may be in those of several")
_CAMPAIGN = replace(_CAMPAIGN, names=CAMPAIGN_TITLES, tables=("described",))
_TOUCH = "LEFT JOIN first_touched AS channel_touch ON channel_touch.person = channel_person.person AND channel_touch.is_first = 1"
CHANNEL_OF_DEAL = Dimension(
    "channel",
    "COALESCE(channel_touch.channel, '')",
    f"{main_contact().replace('{name}', 'channel')} {_TOUCH} AND channel_touch.at <= v.closed_at",
    "channel that the deal's main contact came by first",
    tables=MAIN_CONTACT,
)


_ACCOUNT = "CASE WHEN v.account = '' THEN '' ELSE 'account:' || v.account END"


def _compared(name: str, says: str, of: View, day: str, measure: Aggregate, unit: str, by: tuple[Dimension, ...], *read: str) -> Figure:
    windows = View(
        f"{of.name}, before, during and after campaigns",
        # CROSS, so that SQLite reads what counts once and looks the few days up.
        f"SELECT w.compared, w.time_window, x.* FROM ({of.sql}) AS x CROSS JOIN ({_DAYS}) AS w WHERE w.window_day = x.{day}",
        unit=("compared", "time_window", *of.unit),
        tables=(*of.tables, "described"),
        grain="day",
        sums=of.sums,
        money_on="day" if of.sums else "",
    )
    return Figure(
        name=f"compared_{name}",
        says=f"{says} before, during and after a campaign, in three spans of as many days: a comparison, which proves no cause. Everybody"
        " counts, whatever they came by.",
        formula=f"{says[:1].lower()}{says[1:]} in each span that is over",
        unit=unit,
        tells="spend" if of.sums else "",
        source="docs/marketing.md",
        of=windows,
        dated=None,
        by=(_CAMPAIGN, WINDOW, *by),
        # Spans of several campaigns may overlap.
        measure=replace(measure, adds_up=False),
        reads=("campaign_launched.start_on", *read),
    )


def _rows(table: str, where: str, *unit: str, sums: tuple[str, ...] = (), since: str = "at <= :until") -> View:
    return View(table, f"SELECT * FROM {table} WHERE {since} AND {where}", unit, (table,), sums=sums)


BY_WINDOW = (("campaign", "window"),)
COMPARED = (
    _compared(
        "new_people",
        "People whose first touchpoint was",
        _rows("first_touched", "is_first = 1", "person"),
        "day",
        count(),
        "people",
        (CHANNEL, LEAD_TEAM, *PROFILE, PERSON_STAGE),
        *reads.TRAFFIC,
    ),
    _compared(
        "new_leads",
        "Leads that were created",
        _rows("leads", "step = 'created'", "person", "cycle"),
        "day",
        count(),
        "leads",
        tuple(one for one in new_leads.by if one != CAMPAIGN),
        *reads.LEADS,
    ),
    _compared(
        "wins",
        "Deals that were won",
        last_of("deals", "deal", where="outcome = 'won'"),
        "closed_on",
        count(),
        "deals",
        (CHANNEL_OF_DEAL, PIPELINE, KIND, PRODUCT, *about(_ACCOUNT), stage_of(_ACCOUNT)),
        "close.outcome",
    ),
    _compared(
        "spend",
        "What was spent on everything",
        _rows("spend", "TRUE", "campaign", "provider", sums=("amount_minor",), since="day <= :until_on"),
        "day",
        total("amount_minor"),
        "money",
        (CHANNEL,),
        *SPENT,
    ),
)
