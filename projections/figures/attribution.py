"""Which touches have earned conversions and their value, under several models. A new model is a function in MODELS."""

from projections.figures import reads
from projections.figures.conversions import CONVERSION, CONVERTED, DEALS, NET, OF_PERSON, SUBJECT_OF_DEAL
from projections.figures.credit import (
    NO_MILESTONE,
    NO_TOUCH,
    Weights,
    first,
    full_path,
    last,
    last_non_direct,
    linear,
    position_based,
    time_decay,
    u_shaped,
    w_shaped,
)
from projections.figures.defined import HALF_LIFE, PEOPLE, WON
from projections.figures.dimensions import CAMPAIGN, CHANNEL, KIND, PIPELINE, Dimension, about, stage_of
from projections.figures.figure import Figure
from projections.figures.measures import credited
from projections.figures.views import View

_LEAD, _DEAL = "the one at the lead's creation", "the one at the deal's opening"
_NONE = f"where there is no lead or no deal, its part goes to {NO_MILESTONE}"
MODELS: dict[str, tuple[Weights, str]] = {
    "first": (first, "all to the first"),
    "last": (last, "all to the last"),
    "last_non_direct": (last_non_direct, "all to the last that is not direct, else to the last"),
    "linear": (linear, "equal parts to all"),
}
WEIGHTED_MODELS: dict[str, tuple[Weights, str]] = {
    "time_decay": (time_decay, "a part to each, halved for every half-life that it is older than the last"),
    "position_based": (position_based, "40 % to the first, 40 % to the last and 20 % to those between"),
    "u_shaped": (u_shaped, f"40 % to the first, 40 % to {_LEAD} and 20 % to the others; {_NONE}"),
    "w_shaped": (w_shaped, f"30 % each to the first, {_LEAD} and {_DEAL}, and 10 % to the others; {_NONE}"),
    "full_path": (full_path, f"22.5 % each to the first, {_LEAD}, {_DEAL} and the last, and 10 % to the others; {_NONE}"),
}

_TOUCH = (
    f"COALESCE(p.touched_at, 0) AS touched_at, COALESCE(p.person, '') AS person, COALESCE(p.place, 0) AS place,"
    f" COALESCE(p.type, '{NO_TOUCH}') AS type, COALESCE(p.channel, '{NO_TOUCH}') AS channel,"
    f" COALESCE(p.campaign, '{NO_TOUCH}') AS campaign, COALESCE(p.content, '{NO_TOUCH}') AS content,"
)
_HALF_LIFE = "CAST(:half_life AS BIGINT) AS half_life"
_KEY = "person, conversion, of_what, at"

# A deal that was won counts once, with the touches of all its people (or of its primary ones), also where it names nobody.
_OF_DEALS = (
    f"SELECT d.conversion, d.of_what, '' AS whose, d.at, d.day, {_TOUCH} COALESCE(c.lead_at, 0) AS lead_at,"
    f" COALESCE(c.opened_at, 0) AS opened_at, {_HALF_LIFE}, {SUBJECT_OF_DEAL} AS subject, d.pipeline, d.deal_kind,"
    " d.amount_minor, d.currency, d.n"
    f" FROM ({DEALS}) AS d LEFT JOIN ("
    "SELECT conversion, of_what, at, MAX(is_primary) AS has_primary,"
    # Of its people's lead creations the earliest: a deal that names a lead has but that one.
    " MIN(NULLIF(lead_at, 0)) AS lead_at, MIN(NULLIF(opened_at, 0)) AS opened_at"
    " FROM conversions WHERE at <= :until GROUP BY conversion, of_what, at"
    ") AS c ON c.conversion = d.conversion AND c.of_what = d.of_what AND c.at = d.at"
    # DISTINCT, so that SQLite makes an index of them: these are of any person, by whom the table is kept.
    " LEFT JOIN (SELECT DISTINCT conversion, of_what, at, is_primary, person, place, touched_at, type, channel, campaign, content"
    " FROM paths WHERE at <= :until AND conversion IN (VALUES :won)) AS p"
    " ON p.conversion = c.conversion AND p.of_what = c.of_what AND p.at = c.at"
    " AND (p.is_primary = 1 OR c.has_primary = 0 OR :people = 'all')"
)
_OF_PEOPLE = (
    f"SELECT c.conversion, c.of_what, c.person AS whose, c.at, c.day, {_TOUCH} c.lead_at, c.opened_at, {_HALF_LIFE},"
    f" c.person AS subject, '' AS pipeline, '' AS deal_kind, {NET} AS amount_minor, c.currency, c.n FROM {CONVERTED}"
    f" LEFT JOIN paths AS p ON {' AND '.join(f'p.{column} = c.{column}' for column in _KEY.split(', '))}"
    f" WHERE {OF_PERSON}"
)
converted = View(
    "conversions with their touches",
    f"{_OF_DEALS} UNION ALL {_OF_PEOPLE}",
    # Two sources can give one id to two conversions: all of this is what tells them apart.
    unit=("conversion", "of_what", "whose", "at", "amount_minor", "currency"),
    tables=("deals", "conversions", "paths", "lowered"),
    options=(PEOPLE, WON, HALF_LIFE),
)

TOUCH = Dimension("touch", "v.type", says="type of the touch")
CONTENT = Dimension("content", "v.content", says="content of the touch")

_ANY = ("*.channel", "*.campaign")
_BY = (CONVERSION, CHANNEL, CAMPAIGN, CONTENT, TOUCH, PIPELINE, KIND, *about("v.subject"), stage_of("v.subject"))


def _conversions(models: dict[str, tuple[Weights, str]]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"conversions_{name}",
            says=f"Conversions, credited to the touches before them: {how}.",
            formula="each conversion whole, in millionths",
            unit="conversions",
            source="definition: attribution",
            of=converted,
            by=_BY,
            measure=credited(weights),
            reads=(*reads.CONVERSIONS, *_ANY),
        )
        for name, (weights, how) in models.items()
    )


def _values(models: dict[str, tuple[Weights, str]]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"conversion_value_{name}",
            says=f"Value of conversions after refunds, credited to the touches before them: {how}.",
            formula="each value whole, in minor units, by largest remainder",
            unit="money",
            tells="deal_value",
            source="definition: attribution",
            of=converted,
            by=_BY,
            measure=credited(weights, "amount_minor"),
            reads=(*reads.VALUE, *_ANY),
        )
        for name, (weights, how) in models.items()
    )


CONVERSIONS, VALUES = _conversions(MODELS), _values(MODELS)
WEIGHTED_CONVERSIONS, WEIGHTED_VALUES = _conversions(WEIGHTED_MODELS), _values(WEIGHTED_MODELS)
