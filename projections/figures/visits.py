"""Visits: sessions on the web and in apps, and the people who had them."""

from journey.channels import DIRECT
from projections.figures.dimensions import CAMPAIGN, CHANNEL, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, ratio
from projections.figures.reads import ENGAGED, SESSIONS
from projections.figures.views import View

visited = View(
    "sessions",
    "SELECT s.person, s.at, s.day, s.channel, s.campaign, s.nth, s.is_new, s.is_brand,"
    " CASE WHEN e.person IS NULL THEN 0 ELSE 1 END AS is_engaged, s.n FROM sessions AS s"
    " LEFT JOIN engaged_sessions AS e ON e.person = s.person AND e.at = s.at AND e.engaged_at <= :until WHERE s.at <= :until",
    unit=("person", "at"),
    tables=("sessions", "engaged_sessions"),
)

VISITOR = Dimension("visitor", "CASE WHEN v.is_new = 1 THEN 'new' ELSE 'returning' END", says="new: the person's first session")

_BY = (CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE, VISITOR)

sessions = Figure(
    name="sessions",
    says="Sessions, dated by their first touchpoint and by the channel and campaign of it.",
    formula="number of sessions",
    unit="sessions",
    source="definition: session_types, session_idle",
    of=visited,
    by=_BY,
    measure=count(),
    reads=SESSIONS,
)
engaged_sessions = Figure(
    name="engaged_sessions",
    says="Sessions with enough time in the foreground, a key event or two views up to the instant asked until.",
    formula="number of engaged sessions, dated by their start",
    unit="sessions",
    source="definition: engaged_seconds, key_events",
    of=visited,
    by=_BY,
    measure=count("v.is_engaged = 1"),
    reads=ENGAGED,
)
engagement_rate = Figure(
    name="engagement_rate",
    says="Of the sessions that began in the period, the share that was engaged.",
    formula="engaged sessions / sessions",
    unit="share",
    source="definition: engaged_seconds, key_events",
    of=visited,
    by=_BY,
    measure=ratio(count("v.is_engaged = 1"), count()),
    reads=(*SESSIONS, "page_engaged.seconds", "form_submitted.intent"),
)
visitors = Figure(
    name="visitors",
    says="Distinct people with a session. They do not add up over channels, campaigns or periods.",
    formula="distinct people",
    unit="people",
    source="definition: session_types",
    of=visited,
    by=_BY,
    measure=distinct("person"),
    reads=SESSIONS,
)
new_visitors = Figure(
    name="new_visitors",
    says="People whose first session was in the period.",
    formula="number of first sessions",
    unit="people",
    source="definition: session_types",
    of=visited,
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=count("v.is_new = 1"),
    reads=SESSIONS,
)
returning_visitors = Figure(
    name="returning_visitors",
    says="Distinct people with a session that was not their first; who came first and again in the period is in both.",
    formula="distinct people with a later session",
    unit="people",
    source="definition: session_types",
    of=visited,
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=distinct("person", "v.is_new = 0"),
    reads=SESSIONS,
)
new_visit_share = Figure(
    name="new_visit_share",
    says="Of the sessions that began in the period, the share that was the first of its person. All others are returning visits.",
    formula="first sessions / sessions",
    unit="share",
    source="definition: session_types",
    of=visited,
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=ratio(count("v.is_new = 1"), count()),
    reads=SESSIONS,
)
direct_share = Figure(
    name="direct_share",
    says="Of the sessions that began in the period, the share whose channel is Direct: by no link that says where they came from.",
    formula="sessions of the channel Direct / sessions",
    unit="share",
    source="definition: channels",
    of=visited,
    by=_BY,
    measure=ratio(count(f"v.channel = '{DIRECT}'"), count()),
    reads=SESSIONS,
)
branded_visit_share = Figure(
    name="branded_visit_share",
    says="Of the sessions whose link says what was searched for, the share that searched for a brand term of the definition.",
    formula="sessions with a brand term in utm_term / sessions with a utm_term",
    unit="share",
    source="definition: brand_terms",
    of=visited,
    by=_BY,
    measure=ratio(count("v.is_brand = 1"), count("v.is_brand >= 0")),
    reads=tuple(f"{one}.utm_term" for one in SESSIONS if not one.startswith("*")),
)

FIGURES = (
    sessions, engaged_sessions, engagement_rate, visitors, new_visitors, returning_visitors, new_visit_share, direct_share,
    branded_visit_share,
)  # fmt: skip
