"""Surveys: what people say of their experience, and how well a brand is known. The last answer of each respondent, survey, wave and
question counts. What a panel says (`company:self`) is never mixed with what people say."""

from collections.abc import Sequence
from fractions import Fraction

from journey.instants import DAY
from journey.money import AMOUNT_MINOR_MAX
from projections.figures.dimensions import Dimension, about, came_by, cohort_of, of_the_lead, stage_of
from projections.figures.figure import Figure
from projections.figures.measures import Aggregate, Outcome, count, mean, ratio, ratio_of_one, total
from projections.figures.views import View, last_of

PERSONS = "SUBSTR(v.subject, 1, 8) <> 'company:'"
_MILLION = 10**6


def _people(step: str) -> str:
    """Of whom there is this step, by survey and wave, with the first time."""
    return (
        f"(SELECT subject, survey, wave, MIN(at) AS at, MIN(day) AS day FROM survey_steps WHERE step = '{step}' AND at <= :until"
        " GROUP BY subject, survey, wave)"
    )


def _beside(table: str, step: str) -> str:
    """`table` beside the step of the same person, survey and wave, if there is one."""
    return f"{table} AS t LEFT JOIN {_people(step)} AS o ON o.subject = t.subject AND o.survey = t.survey AND o.wave = t.wave"


# Steps have a last row each: who is asked once more has answered all the same.
_LAST = last_of("survey_steps", "step", "subject", "survey", "wave", "question", where="step = 'answered'").sql
answered = View(
    "answers",
    f"SELECT t.*, CASE WHEN o.subject IS NULL THEN 0 ELSE 1 END AS is_asked FROM {_beside(f'({_LAST})', 'sent')}",
    unit=("subject", "survey", "wave", "question"),
    tables=("survey_steps",),
)
asked = View(
    "people asked",
    f"SELECT t.*, CASE WHEN o.subject IS NULL THEN 0 ELSE 1 END AS is_answered, 1 AS n FROM {_beside(_people('sent'), 'answered')}",
    unit=("subject", "survey", "wave"),
    tables=("survey_steps",),
)
_BRAND = last_of(
    "survey_steps", "step", "subject", "survey", "wave", "question", "about",
    where="step = 'answered' AND survey_kind IN ('aided', 'unaided', 'preference')",
).sql  # fmt: skip
_ON_SCALE = "score_millionths BETWEEN scale_min_millionths AND scale_max_millionths"
_IS_PANEL = "SUBSTR(subject, 1, 8) = 'company:'"
_WEIGHT = f"CASE WHEN {_IS_PANEL} AND respondents >= 0 THEN respondents ELSE 1 END"
known = View(
    "answers about brands",
    "SELECT subject, survey, wave, question, about, at, day, survey_kind, weight * (score_millionths - scale_min_millionths) AS weighted,"
    " weight * (scale_max_millionths - scale_min_millionths) AS most,"
    f" survey_kind || ' ' || about || CASE WHEN {_IS_PANEL} THEN ' panel' ELSE ' people' END AS series, n"
    f" FROM (SELECT b.*, {_WEIGHT} AS weight FROM ({_BRAND}) AS b) AS w"
    # No product is beyond 64 bits.
    f" WHERE {_ON_SCALE} AND scale_max_millionths - scale_min_millionths <= {AMOUNT_MINOR_MAX} / NULLIF(weight, 0)",
    unit=("subject", "survey", "wave", "question", "about"),
    tables=("survey_steps",),
)

_OF_PEOPLE = f"{_ON_SCALE} AND NOT ({_IS_PANEL})"


def _said(kind: str, low: int, high: int, bad: int) -> str:
    """Answers on the scale of this kind, and whether they are bad: up to `bad`."""
    of_kind = f"survey_kind = '{kind}' AND scale_min_millionths = {low * _MILLION} AND scale_max_millionths = {high * _MILLION}"
    return f"WHEN {of_kind} THEN CASE WHEN score_millionths <= {bad * _MILLION} THEN 1 ELSE 0 END"


WITHIN_DAYS = 90
_BAD = f"CASE {_said('nps', 0, 10, 6)} {_said('csat', 1, 5, 2)} {_said('ces', 1, 7, 3)} ELSE -1 END"
_AFTER = f"s.person = a.subject AND s.is_onward = 1 AND s.at > a.at AND s.at <= a.at + {WITHIN_DAYS * DAY} AND s.at <= :until"
experienced = View(
    "experiences, and what came after",
    f"SELECT a.*, a.subject AS person, COALESCE((SELECT MIN(s.at) FROM stages AS s WHERE {_AFTER}), 0) AS onward_at"
    f" FROM (SELECT l.*, {_BAD} AS is_bad FROM ({_LAST}) AS l WHERE {_OF_PEOPLE}) AS a WHERE a.is_bad >= 0",
    unit=("subject", "survey", "wave", "question"),
    tables=("survey_steps", "stages"),
)

SURVEY = Dimension("survey", "v.survey", says="survey")
WAVE = Dimension("wave", "v.wave", says="wave: the round of a survey that is repeated")
QUESTION = Dimension("question", "v.question", says="question")
MEASURED = Dimension("measured", "v.survey_kind", says="aided, unaided or preference")
ABOUT = Dimension("about", "v.about", says="what the answer is about, such as a brand")
ASKED_OF = Dimension("asked_of", f"CASE WHEN {PERSONS} THEN 'people' ELSE 'panel' END", says="people, or a panel")

_WHO = (
    *came_by("v.subject"),
    cohort_of("v.subject"),
    of_the_lead("team", "team", person="v.subject"),
    *about("v.subject"),
    stage_of("v.subject"),
)
_BY = (SURVEY, WAVE, QUESTION, *_WHO)
_SCORED = ("survey_answered.score", "survey_answered.kind")


def _scale(kind: str, low: int, high: int) -> str:
    """Answers on this scale only, and none beyond it: others are another question, and not pooled with them."""
    scale = f"v.scale_min_millionths = {low * _MILLION} AND v.scale_max_millionths = {high * _MILLION}"
    return f"v.survey_kind = '{kind}' AND {scale} AND {_ON_SCALE} AND {PERSONS}"


_NPS, _CSAT, _CES = _scale("nps", 0, 10), _scale("csat", 1, 5), _scale("ces", 1, 7)


def _net_promoters() -> Aggregate:
    promoters, detractors = f"v.score_millionths >= {9 * _MILLION}", f"v.score_millionths <= {6 * _MILLION}"
    parts = [one for where in (promoters, detractors, "TRUE") for one in count(f"{_NPS} AND {where}").parts]

    def outcome(sums: Sequence[int]) -> Outcome:
        for_us, against_us, n = sums
        part = 100 * (for_us - against_us)
        return Outcome(Fraction(part, n) if n else None, n, part, n)

    return Aggregate(tuple(parts), outcome)


def _onward(name: str, which: str, is_bad: int) -> Figure:
    of_these = f"v.is_bad = {is_bad}"
    return Figure(
        name=name,
        says=f"Of the answers in the period that are {which}, the share whose person entered a later stage within {WITHIN_DAYS} days after."
        " Bad are 0 to 6 of 10 (NPS), 1 and 2 of 5 (CSAT), 1 to 3 of 7 (CES). An association, and no cause.",
        formula=f"answers with an entry into a later stage in the {WITHIN_DAYS} days after / answers, the last of each question",
        unit="share",
        source="docs/marketing.md",
        of=experienced,
        by=_BY,
        measure=ratio(count(f"{of_these} AND v.onward_at > 0"), count(of_these)),
        within_days=WITHIN_DAYS,
        reads=_SCORED,
    )


EXPERIENCE = (
    Figure(
        name="nps",
        says="Net Promoter Score: the share that gives 9 or 10 of 10 less the share that gives 6 or less, in points from -100 to 100.",
        formula="100 x (promoters - detractors) / answers",
        unit="points",
        source="Reichheld 2003",
        of=answered,
        by=_BY,
        measure=_net_promoters(),
        reads=_SCORED,
    ),
    Figure(
        name="csat",
        says="Of those who say how satisfied they are on a scale from 1 to 5, the share that gives 4 or 5.",
        formula="answers of 4 or 5 / answers",
        unit="share",
        source="docs/marketing.md",
        of=answered,
        by=_BY,
        measure=ratio(count(f"{_CSAT} AND v.score_millionths >= {4 * _MILLION}"), count(_CSAT)),
        reads=_SCORED,
    ),
    Figure(
        name="ces",
        says="Customer Effort Score: how easy it was, on a scale from 1 to 7, on average.",
        formula="sum of scores / answers",
        unit="ratio",
        source="docs/marketing.md",
        of=answered,
        by=_BY,
        measure=mean("score_millionths", _MILLION, _CES),
        reads=_SCORED,
    ),
    Figure(
        name="ces_easy",
        says="Of those who say how easy it was on a scale from 1 to 7, the share that gives 5 to 7.",
        formula="answers of 5 to 7 / answers",
        unit="share",
        source="docs/marketing.md",
        of=answered,
        by=_BY,
        measure=ratio(count(f"{_CES} AND v.score_millionths >= {5 * _MILLION}"), count(_CES)),
        reads=_SCORED,
    ),
    Figure(
        name="survey_answers",
        says="Answers of people to questions of surveys, of each the last.",
        formula="number of (person, survey, wave, question)",
        unit="answers",
        source="docs/marketing.md",
        of=answered,
        by=_BY,
        measure=count(PERSONS),
        reads=("survey_answered.score",),
    ),
    Figure(
        name="answers_unasked",
        says="Answers of people whom nobody had asked: they count in the scores, and not in the response rate.",
        formula="number of (person, survey, wave, question) of a survey and wave that was not sent to the person",
        unit="answers",
        source="docs/marketing.md",
        of=answered,
        by=_BY,
        measure=count(f"v.is_asked = 0 AND {PERSONS}"),
        reads=("survey_answered.score", "survey_sent"),
    ),
    Figure(
        name="response_rate",
        says="Of the people who were asked in the period, the share that has answered up to the instant asked until.",
        formula="people asked who answered / people asked, by survey and wave, dated by when they were first asked",
        unit="share",
        source="docs/marketing.md",
        of=asked,
        by=(SURVEY, WAVE, *_WHO),
        measure=ratio(count(f"v.is_answered = 1 AND {PERSONS}"), count(PERSONS)),
        within_days=None,
        reads=("survey_sent", "survey_answered"),
    ),
    _onward("onward_after_bad", "bad", 1),
    _onward("onward_after_others", "not bad", 0),
)
BRAND = (
    Figure(
        name="brand_awareness",
        says="How well a brand is known or preferred: what those who answered give, of the most that they could. A panel counts as many"
        " times as it has respondents. Brands, kinds of survey, and panels and people are never mixed: of several there is no number.",
        formula="sum of (score - lowest) x respondents / sum of (highest - lowest) x respondents",
        unit="share",
        source="surveys of kind aided, unaided and preference",
        of=known,
        by=(MEASURED, ABOUT, ASKED_OF, SURVEY, WAVE, QUESTION),
        measure=ratio_of_one("series", total("weighted"), total("most")),
        reads=_SCORED,
    ),
)
