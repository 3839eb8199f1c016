"""Which touches have earned conversions and their value, under several models. A new model is a function in MODELS, or in SET_MODELS."""

from collections.abc import Mapping

from projections.figures import reads
from projections.figures.conversions import CONVERSION, CONVERTED, DEALS, NET, OF_PERSON, SUBJECT_OF_DEAL, people_converted
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
from projections.figures.defined import HALF_LIFE, KINDS, LOOK_BACK, PEOPLE, WON
from projections.figures.dimensions import CAMPAIGN, CHANNEL, KIND, PIPELINE, Dimension, about, stage_of
from projections.figures.figure import Figure
from projections.figures.measures import OfSet, credited
from projections.figures.set_credit import POSITION, Shapley, markov
from projections.figures.views import View

_LEAD, _DEAL = "the one at the lead's creation", "the one at the deal's opening"
_NONE = f"where there is no lead or no deal, its part goes to {NO_MILESTONE}"
MODELS: dict[str, tuple[Weights, str]] = {
    "last_non_direct": (last_non_direct, "all to the last that is not direct, else to the last"),
    "first": (first, "all to the first"),
    "last": (last, "all to the last"),
    "linear": (linear, "equal parts to all"),
}
WEIGHTED_MODELS: dict[str, tuple[Weights, str]] = {
    "time_decay": (time_decay, "a part to each, halved for every half-life that it is older than the last"),
    "position_based": (position_based, "40 % to the first, 40 % to the last and 20 % to those between"),
    "u_shaped": (u_shaped, f"40 % to the first, 40 % to {_LEAD} and 20 % to the others; {_NONE}"),
    "w_shaped": (w_shaped, f"30 % each to the first, {_LEAD} and {_DEAL}, and 10 % to the others; {_NONE}"),
    "full_path": (full_path, f"22.5 % each to the first, {_LEAD}, {_DEAL} and the last, and 10 % to the others; {_NONE}"),
}
_ANDERL = "Anderl et al. 2014, Mapping the Customer Journey; definition: attribution"
_ZHAO = "Zhao et al. 2018, arXiv 1804.05327; definition: attribution"
SOURCES = {
    **{f"markov_{order}{nulls}": _ANDERL for order in (1, 2, 3) for nulls in ("", "_nulls")},
    "shapley": _ZHAO,
    "shapley_ordered": _ZHAO,
}
_REMOVED = "the share of conversions that would be lost without each (its removal effect)"
_TOGETHER = "It is worked out over all that is asked for at once, so what parts come to does not add up to the whole."
SET_MODELS: dict[str, tuple[OfSet, str]] = {
    **{
        f"markov_{order}": (
            OfSet(markov(order)),
            f"in proportion to {_REMOVED}, in a Markov chain of order {order} over the paths that converted",
        )
        for order in (1, 2, 3)
    },
    "shapley": (OfSet(Shapley), "the Shapley value, where a coalition is worth the conversions whose touches are all of it"),
}
NULLS_MODELS: dict[str, tuple[OfSet, str]] = {
    f"markov_{order}_nulls": (
        OfSet(markov(order)),
        f"in proportion to {_REMOVED}, in a Markov chain of order {order} over paths that converted and paths that did not",
    )
    for order in (1, 2, 3)
}
BY_POSITION: tuple[OfSet, str] = (
    OfSet(Shapley),
    "the ordered Shapley value, in which the part of each goes to its positions in the path",
)

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
    f" COALESCE(c.opened_at, 0) AS opened_at, {_HALF_LIFE}, 1 AS has_converted, {SUBJECT_OF_DEAL} AS subject, d.pipeline, d.deal_kind,"
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
    f"SELECT c.conversion, c.of_what, c.person AS whose, c.at, c.day, {_TOUCH} c.lead_at, c.opened_at, {_HALF_LIFE}, 1 AS has_converted,"
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

# Touches that are in no path, oldest first, of each kind of conversion that is asked for, or of any ('') where none is. A path of them ends
# where a conversion comes, or where no touch follows within the look-back: it is dated by its last touch. Of who has no conversion the same
# ones are of every kind: these are worked out once ('*').
_KINDS = "(VALUES :conversion) AS k"
_LOOK_BACK = "CAST(:look_back AS BIGINT)"
_NOTED = "t.person, t.touched_at, t.touched_on, t.place, t.type, t.channel, t.campaign, t.content, t.n"
_CONVERTED_BEFORE = (
    f"SELECT DISTINCT k.column1 AS kind, s.person, s.at FROM ({people_converted.sql}) AS s JOIN {_KINDS} ON k.column1 IN ('', s.conversion)"
)
_OF_NO_PATH = (
    f"SELECT '*' AS kind, {_NOTED}, 0 AS since FROM touches AS t WHERE t.touched_at <= :until"
    f" UNION ALL SELECT c.kind, {_NOTED}, COALESCE(MAX(c.at) FILTER (WHERE c.at < t.touched_at), 0) AS since"
    f" FROM ({_CONVERTED_BEFORE}) AS c JOIN touches AS t ON t.person = c.person WHERE t.touched_at <= :until GROUP BY c.kind, {_NOTED}"
    f" HAVING COUNT(c.at) FILTER (WHERE t.touched_at <= c.at AND c.at - {_LOOK_BACK} <= t.touched_at) = 0"
)
_IN_ORDER = "PARTITION BY {of}.kind, {of}.person ORDER BY {of}.touched_at, {of}.place"
_BEFORE = f"OVER ({_IN_ORDER.format(of='u')})"
_BEGINNING = (
    f"SELECT u.*, CASE WHEN u.since = LAG(u.since) {_BEFORE} AND u.touched_at - LAG(u.touched_at) {_BEFORE} <= {_LOOK_BACK}"
    f" THEN 0 ELSE 1 END AS begins FROM ({_OF_NO_PATH}) AS u"
)
_NUMBERED = f"SELECT b.*, SUM(b.begins) OVER ({_IN_ORDER.format(of='b')} ROWS UNBOUNDED PRECEDING) AS nth FROM ({_BEGINNING}) AS b"
_OF_ONE = "OVER (PARTITION BY p.kind, p.person, p.nth)"
_DATED = f"SELECT p.*, MAX(p.touched_at) {_OF_ONE} AS at, MAX(p.touched_on) {_OF_ONE} AS day FROM ({_NUMBERED}) AS p"


def _one_text(first: str, second: str) -> str:
    """SQL of a text for each pair of two columns."""
    return f"LENGTH({first}) || ' ' || {first} || {second}"


_NOT_CONVERTED = (
    "SELECT k.column1 AS conversion, '' AS of_what, p.person AS whose, p.at, p.day, p.touched_at, p.person, p.place, p.type, p.channel,"
    f" p.campaign, p.content, 0 AS lead_at, 0 AS opened_at, {_HALF_LIFE}, 0 AS has_converted, p.person AS subject, '' AS pipeline,"
    f" '' AS deal_kind, 0 AS amount_minor, '' AS currency, p.n FROM ({_DATED}) AS p JOIN {_KINDS} ON p.kind IN ('*', k.column1)"
    # One text: SQLite goes through the whole list for each row where two columns are looked for in it.
    f" WHERE p.kind <> '*' OR {_one_text('k.column1', 'p.person')} NOT IN"
    f" (SELECT {_one_text('c.kind', 'c.person')} FROM ({_CONVERTED_BEFORE}) AS c)"
)
with_nulls = View(
    "conversions, and paths that did not convert, with their touches",
    f"{converted.sql} UNION ALL {_NOT_CONVERTED}",
    unit=converted.unit,
    tables=(*converted.tables, "touches"),
    options=(*converted.options, LOOK_BACK, KINDS),
)

_UNIT = ", ".join(f"c.{column}" for column in converted.unit)
placed = View(
    "conversions with their touches by position",
    f"SELECT c.*, ROW_NUMBER() OVER (PARTITION BY {_UNIT} ORDER BY c.touched_at, c.person, c.place) AS position"
    f" FROM ({converted.sql}) AS c",
    unit=converted.unit,
    tables=converted.tables,
    options=converted.options,
)

TOUCH = Dimension("touch", "v.type", says="type of the touch")
CONTENT = Dimension("content", "v.content", says="content of the touch")

IN_PATH = Dimension(POSITION, "CAST(v.position AS TEXT)", says="which touch of its path it is: 1 is the first")

_ANY = ("*.channel", "*.campaign")
# A conversion is credited as one, and a person may be in several segments.
_WHOSE = tuple(one for one in about("v.subject") if not one.many)
_BY = (CONVERSION, CHANNEL, CAMPAIGN, CONTENT, TOUCH, PIPELINE, KIND, *_WHOSE, stage_of("v.subject"))


def _conversions(
    models: Mapping[str, tuple[Weights | OfSet, str]], of: View = converted, by: tuple[Dimension, ...] = _BY
) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"conversions_{name}",
            says=f"Conversions, credited to the touches before them: {how}.{_said(model)}",
            formula="the set's conversions, in millionths, by largest remainder"
            if isinstance(model, OfSet)
            else "each conversion whole, in millionths",
            unit="conversions",
            source=SOURCES.get(name, "definition: attribution"),
            of=of,
            by=by,
            measure=credited(model, touch=_of_touch(by)),
            reads=(*reads.CONVERSIONS, *_ANY),
        )
        for name, (model, how) in models.items()
    )


def _values(models: Mapping[str, tuple[Weights | OfSet, str]], of: View = converted, by: tuple[Dimension, ...] = _BY) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"conversion_value_{name}",
            says=f"Value of conversions after refunds, credited to the touches before them: {how}.{_said(model)}",
            formula="the set's value, in minor units, by largest remainder"
            if isinstance(model, OfSet)
            else "each value whole, in minor units, by largest remainder",
            unit="money",
            tells="deal_value",
            source=SOURCES.get(name, "definition: attribution"),
            of=of,
            by=by,
            measure=credited(model, "amount_minor", _of_touch(by)),
            reads=(*reads.VALUE, *_ANY),
        )
        for name, (model, how) in models.items()
    )


def _said(model: Weights | OfSet) -> str:
    return f" {_TOGETHER}" if isinstance(model, OfSet) else ""


def _of_touch(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    return tuple(one.name for one in by if one in (CHANNEL, CAMPAIGN, CONTENT, TOUCH, IN_PATH))


CONVERSIONS, VALUES = _conversions(MODELS), _values(MODELS)
WEIGHTED_CONVERSIONS, WEIGHTED_VALUES = _conversions(WEIGHTED_MODELS), _values(WEIGHTED_MODELS)
SIDE_BY_SIDE = (*CONVERSIONS, *WEIGHTED_CONVERSIONS, *_conversions(SET_MODELS), *_conversions(NULLS_MODELS, with_nulls))
SIDE_BY_SIDE_VALUES = (*VALUES, *WEIGHTED_VALUES, *_values(SET_MODELS))
_ORDERED = {"shapley_ordered": BY_POSITION}
POSITIONS = (*_conversions(_ORDERED, placed, (*_BY, IN_PATH)), *_values(_ORDERED, placed, (*_BY, IN_PATH)))
