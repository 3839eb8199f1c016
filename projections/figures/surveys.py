"""Surveys: what people say of their experience, and how well a brand is known. The last answer of each respondent, survey, wave and
question counts. What a panel says (`company:self`) is never mixed with what people say."""

from collections.abc import Sequence
from fractions import Fraction

from projections.figures.dimensions import Dimension, about, came_by, of_the_lead, stage_of
from projections.figures.figure import Figure
from projections.figures.measures import Aggregate, Outcome, count, mean, ratio, ratio_of_one, total
from projections.figures.views import View, last_of

PERSONS = "SUBSTR(v.subject, 1, 8) <> 'company:'"
_MILLION = 10**6

answered = last_of("survey_steps", "subject", "survey", "wave", "question", where="step = 'answered'", name="answers")
asked = View(
    "people asked",
    "SELECT s.subject, s.survey, s.wave, s.at, s.day, CASE WHEN a.subject IS NULL THEN 0 ELSE 1 END AS is_answered, 1 AS n FROM"
    " (SELECT subject, survey, wave, MIN(at) AS at, MIN(day) AS day FROM survey_steps WHERE step = 'sent' AND at <= :until"
    " GROUP BY subject, survey, wave) AS s LEFT JOIN"
    " (SELECT DISTINCT subject, survey, wave FROM survey_steps WHERE step = 'answered' AND at <= :until) AS a"
    " ON a.subject = s.subject AND a.survey = s.survey AND a.wave = s.wave",
    unit=("subject", "survey", "wave"),
    tables=("survey_steps",),
)
_BRAND = last_of(
    "survey_steps", "subject", "survey", "wave", "question", "about",
    where="step = 'answered' AND survey_kind IN ('aided', 'unaided', 'preference')",
)  # fmt: skip
_WEIGHT = "CASE WHEN respondents > 0 THEN respondents ELSE 1 END"
known = View(
    "answers about brands",
    "SELECT subject, survey, wave, question, about, at, day, nth, survey_kind, step,"
    f" {_WEIGHT} * (score_millionths - scale_min_millionths) AS weighted,"
    f" {_WEIGHT} * (scale_max_millionths - scale_min_millionths) AS most,"
    " survey_kind || ' ' || about || CASE SUBSTR(subject, 1, 8) WHEN 'company:' THEN ' panel' ELSE ' people' END AS series, n"
    f" FROM ({_BRAND.sql}) AS b",
    unit=("subject", "survey", "wave", "question", "about"),
    tables=("survey_steps",),
)

SURVEY = Dimension("survey", "v.survey", says="survey")
WAVE = Dimension("wave", "v.wave", says="wave: the round of a survey that is repeated")
QUESTION = Dimension("question", "v.question", says="question")
MEASURED = Dimension("measured", "v.survey_kind", says="aided, unaided or preference")
ABOUT = Dimension("about", "v.about", says="what the answer is about, such as a brand")
ASKED_OF = Dimension("asked_of", f"CASE WHEN {PERSONS} THEN 'people' ELSE 'panel' END", says="people, or a panel")

_WHO = (*came_by("v.subject"), of_the_lead("team", "team", person="v.subject"), *about("v.subject"), stage_of("v.subject"))
_BY = (SURVEY, WAVE, QUESTION, *_WHO)
_SCORED = ("survey_answered.score", "survey_answered.kind")


def _scale(kind: str, low: int, high: int) -> str:
    """Answers on this scale only: others are another question, and not pooled with them."""
    scale = f"v.scale_min_millionths = {low * _MILLION} AND v.scale_max_millionths = {high * _MILLION}"
    return f"v.survey_kind = '{kind}' AND {scale} AND {PERSONS}"


_NPS, _CSAT, _CES = _scale("nps", 0, 10), _scale("csat", 1, 5), _scale("ces", 1, 7)


def _net_promoters() -> Aggregate:
    promoters, detractors = f"v.score_millionths >= {9 * _MILLION}", f"v.score_millionths <= {6 * _MILLION}"
    parts = [one for where in (promoters, detractors, "TRUE") for one in count(f"{_NPS} AND {where}").parts]

    def outcome(sums: Sequence[int]) -> Outcome:
        for_us, against_us, n = sums
        part = 100 * (for_us - against_us)
        return Outcome(Fraction(part, n) if n else None, n, part, n)

    return Aggregate(tuple(parts), outcome)


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
        of=answered,
        by=_BY,
        measure=count(PERSONS),
        reads=("survey_answered.score",),
    ),
    Figure(
        name="response_rate",
        says="Of the people who were asked in the period, the share that has answered up to the instant asked until.",
        formula="people asked who answered / people asked, by survey and wave, dated by when they were first asked",
        unit="share",
        of=asked,
        by=(SURVEY, WAVE, *_WHO),
        measure=ratio(count(f"v.is_answered = 1 AND {PERSONS}"), count(PERSONS)),
        within_days=None,
        reads=("survey_sent", "survey_answered"),
    ),
)
BRAND = (
    Figure(
        name="brand_awareness",
        says="How well a brand is known, or preferred, as a share of those asked. What was measured of one brand, by people or by a"
        " panel, is never mixed with anything else: then there is no number.",
        formula="sum of (score - lowest) x respondents / sum of (highest - lowest) x respondents",
        unit="share",
        source="surveys of kind aided, unaided and preference",
        of=known,
        by=(MEASURED, ABOUT, ASKED_OF, SURVEY, WAVE, QUESTION),
        measure=ratio_of_one("series", total("weighted"), total("most")),
        reads=_SCORED,
    ),
)
