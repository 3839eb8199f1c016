"""Segments of the audience: who is in them, how they overlap, how they differ from everybody; and who may be written to."""

from typing import Final

from projections.figures.defined import SEGMENTS as SEGMENTS_THERE
from projections.figures.dimensions import (
    LEAD_TEAM,
    OF_SEGMENTS,
    PERSON_STAGE,
    PROFILE,
    SEGMENT,
    Dimension,
    about,
    came_by,
    of_the_lead,
    stage_of,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, quantiles, ratio, running
from projections.figures.reads import TRAFFIC
from projections.figures.views import View, as_of, last_of

_IN = f"SELECT person, segment FROM ({last_of('segment_moves', 'person', 'segment').sql}) AS m WHERE step = 'entered'"

moves = as_of("segment_moves", unit=("person",), name="moves of segments")
sizes = View(
    "entries and exits of segments",
    "SELECT person, segment, at, day, at AS entered_at, n FROM segment_moves WHERE at <= :until AND step = 'entered'"
    " UNION ALL SELECT person, segment, at, day, at - stayed AS entered_at, -n AS n FROM segment_moves"
    " WHERE at <= :until AND step = 'left'",
    unit=("person",),
    tables=("segment_moves",),
)
pairs = View(
    "people in two segments",
    f"SELECT one.person, one.segment, other.segment AS other_segment, 1 AS n FROM ({_IN}) AS one"
    f" JOIN ({_IN}) AS other ON other.person = one.person",
    unit=("person",),
    tables=("segment_moves",),
)
everybody = View(
    "everybody, and whether in each segment",
    "SELECT p.person, s.segment, CASE WHEN m.person IS NULL THEN 0 ELSE 1 END AS is_in, 1 AS n FROM"
    " (SELECT person FROM first_touched WHERE is_first = 1 AND at <= :until"
    " UNION SELECT person FROM segment_moves WHERE at <= :until) AS p"
    " CROSS JOIN (SELECT k.column1 AS segment FROM (VALUES :segments) AS k WHERE k.column1 <> '') AS s"
    f" LEFT JOIN ({_IN}) AS m ON m.person = p.person AND m.segment = s.segment",
    unit=("person",),
    tables=("first_touched", "segment_moves"),
    options=(SEGMENTS_THERE,),
)
# What is said of no channel is said of all.
_CHANNELS = (
    "SELECT channel AS of_channel, channel AS by_channel FROM consented WHERE at <= :until"
    " UNION SELECT '' AS of_channel, channel AS by_channel FROM consented WHERE at <= :until"
)
_STATED = (
    "SELECT c.person, c.said_for, c.purpose, k.by_channel, c.is_given, c.expires_at,"
    " ROW_NUMBER() OVER (PARTITION BY c.person, c.said_for, c.purpose, k.by_channel ORDER BY c.at DESC, c.nth DESC) AS place"
    f" FROM consented AS c JOIN ({_CHANNELS}) AS k ON k.of_channel = c.channel WHERE c.at <= :until"
)
contactable = View(
    "people who may be written to",
    f"SELECT person, purpose, by_channel, 1 AS n FROM ({_STATED}) AS s WHERE place = 1 GROUP BY person, purpose, by_channel"
    # Of a person of several ids a single withdrawal is enough; a consent that has expired is none.
    " HAVING MIN(is_given) = 1 AND MAX(CASE WHEN expires_at = 0 OR expires_at > :until THEN 1 ELSE 0 END) = 1",
    unit=("person",),
    tables=("consented",),
)

OWN: Final = Dimension("segment", "v.segment", says="segment, as the definition names it", option=OF_SEGMENTS)
OTHER: Final = Dimension(
    "other_segment", "v.other_segment", says="the other segment; beside itself a segment is as large as it is", option=OF_SEGMENTS
)
PURPOSE: Final = Dimension("purpose", "v.purpose", says="purpose of the consent")
BY_CHANNEL: Final = Dimension("channel", "v.by_channel", says='channel of the consent; "" is any channel that none is named for')

_PROFILE = tuple(one for one in PROFILE if one.name != SEGMENT.name)
_AS_ENTERED = tuple(one for one in about("v.person", "v.entered_at") if one.name != SEGMENT.name)

segment_people = Figure(
    name="segment_people",
    says="People in a segment at the end of each period, or at the instant asked until. Who is in two segments counts in both.",
    formula="entries - exits, from the first on",
    unit="people",
    source="definition: segments",
    of=sizes,
    # As of the entry, so that who leaves is taken from where they are counted.
    by=(
        OWN,
        *came_by("v.person", since="v.entered_at"),
        of_the_lead("team", "team", "v.entered_at"),
        *_AS_ENTERED,
        stage_of("v.person", "v.entered_at"),
    ),
    measure=running(count()),
    reads=TRAFFIC,
)
segment_entries = Figure(
    name="segment_entries",
    says="How often people entered a segment, by a touchpoint or because time passed.",
    formula="number of entries",
    unit="entries",
    source="definition: segments",
    of=moves,
    by=(OWN, *came_by("v.person"), LEAD_TEAM, *_PROFILE, PERSON_STAGE),
    measure=count("v.step = 'entered'"),
    reads=TRAFFIC,
)
segment_exits = Figure(
    name="segment_exits",
    says="How often people left a segment, by a touchpoint or because time passed.",
    formula="number of exits",
    unit="exits",
    source="definition: segments",
    of=moves,
    by=(OWN, *came_by("v.person"), LEAD_TEAM, *_PROFILE, PERSON_STAGE),
    measure=count("v.step = 'left'"),
    reads=TRAFFIC,
)
time_in_segment = Figure(
    name="time_in_segment",
    says="How long people had been in a segment when they left it in the period: looks short while slow ones are still in it.",
    formula="median and 90 % quantile (type 7) of left - entered",
    unit="duration",
    source="definition: segments",
    of=moves,
    by=(OWN, *came_by("v.person"), LEAD_TEAM, *_PROFILE, PERSON_STAGE),
    measure=quantiles("stayed", "1/2", "9/10", where="v.stayed >= 0"),
    reads=TRAFFIC,
)
segment_overlap = Figure(
    name="segment_overlap",
    says="Distinct people who are in two segments at once, at the instant asked until. They do not add up over segments.",
    formula="distinct people in both",
    unit="people",
    source="definition: segments",
    of=pairs,
    dated=None,
    by=(OWN, OTHER, *came_by("v.person"), LEAD_TEAM, *_PROFILE, PERSON_STAGE),
    measure=distinct("person"),
    reads=TRAFFIC,
)
segment_share = Figure(
    name="segment_share",
    says="Of everybody whom marketing has seen or who was ever in a segment, the share in the segment at the instant asked until. By"
    " country and so on it is the segment's profile: beside the share as a whole it says where it is found more often.",
    formula="distinct people in the segment / distinct people",
    unit="share",
    source="definition: segments, traffic",
    of=everybody,
    dated=None,
    by=(OWN, *came_by("v.person"), LEAD_TEAM, *_PROFILE, PERSON_STAGE),
    measure=ratio(distinct("person", "v.is_in = 1"), distinct("person")),
    reads=TRAFFIC,
)
contactable_people = Figure(
    name="contactable_people",
    says="Distinct people who have given a consent that holds at the instant asked until, by purpose and channel. What is said of no"
    " channel is said of all. Of a person of several ids each id's last word stands, and one that withdraws wins. They do not add up.",
    formula="distinct people with a consent that is given, not withdrawn and not expired",
    unit="people",
    source="consent_given, consent_withdrawn; GDPR Art. 7(3)",
    of=contactable,
    dated=None,
    by=(PURPOSE, BY_CHANNEL, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=distinct("person"),
    reads=("consent_given.purpose", "consent_given.channel", "consent_given.expires_at", "consent_withdrawn.purpose"),
)

SEGMENTS: Final = (segment_people, segment_entries, segment_exits, time_in_segment, segment_overlap, segment_share)
CONTACTABLE: Final = (contactable_people,)
FIGURES: Final = (*SEGMENTS, *CONTACTABLE)
