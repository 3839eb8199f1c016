"""Lead cycles: how far leads come, and what sales answers, how soon."""

from projections.figures.dimensions import (
    CAMPAIGN,
    CHANNEL,
    FIRST_TOUCH_MONTH,
    LEAD_SOURCE,
    OWNER,
    PERSON_STAGE,
    PROFILE,
    REASON,
    TEAM,
    TEAM_OF_OWNER,
    Dimension,
    described,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, quantiles, ratio
from projections.figures.views import last_of

leads_at = last_of("lead_states", "person", "cycle")

ANSWER = Dimension(
    "answer", "v.answer", says="not_handed_over, waiting, accepted, rejected, expired or withdrawn: each lead is one of these"
)
STATE = Dimension("state", "v.state", says='of accepted leads: working, qualified, recycled or disqualified; "" of others')
BASIS = Dimension("basis", "v.basis", says='what handed the lead over: assigned, mql or created; "" while nothing has')
ACCOUNT = described("account", "v.person", "account", "account that the person was in as of the row's instant")

WHOSE = (OWNER, TEAM, TEAM_OF_OWNER)
WHENCE = (CHANNEL, CAMPAIGN, LEAD_SOURCE, FIRST_TOUCH_MONTH, *PROFILE, ACCOUNT)
_BY = (*WHOSE, *WHENCE, PERSON_STAGE)

# Each of these types is enough, beside the lead itself where it is said of one: what only adds to the figure is not among them.
OPENS = ("lead_created.lead", "lead_assigned.team", "lead_accepted.owner", "form_submitted.intent")
_MQL = ("lead_scored.grade", "form_submitted.intent")
_HANDED_OVER = ("lead_assigned.team", *_MQL)

IS_ACCEPTED, IS_ANSWERED = "v.answer = 'accepted'", "v.answer IN ('accepted', 'rejected')"

LEADS = (
    Figure(
        name="leads",
        says="Leads created in the period, as they stand at the instant asked until. A person can be a lead again.",
        formula="number of lead cycles, dated by their creation",
        unit="leads",
        source="definition: lead",
        of=leads_at,
        dated="created",
        by=(*_BY, ANSWER, STATE, REASON, BASIS),
        measure=count(),
        reads=OPENS,
    ),
    Figure(
        name="mqls",
        says="Marketing qualified leads (MQL): those that became one in the period.",
        formula="number of lead cycles, dated by when they became an MQL",
        unit="leads",
        source="definition: lead.mql",
        of=leads_at,
        dated="mql",
        by=(*_BY, ANSWER, STATE),
        measure=count("v.is_mql = 1"),
        reads=_MQL,
    ),
    Figure(
        name="sals",
        says="Sales accepted leads (SAL): those that sales accepted in the period, and has not given back as rejected since.",
        formula="number of lead cycles, dated by the acceptance",
        unit="leads",
        source="definition: handoff",
        of=leads_at,
        dated="answered",
        by=(*_BY, STATE),
        measure=count(IS_ACCEPTED),
        reads=("lead_accepted.owner",),
    ),
    Figure(
        name="sqls",
        says="Sales qualified leads (SQL): those that sales qualified in the period.",
        formula="number of lead cycles, dated by when they were qualified",
        unit="leads",
        source="definition: lead.sql",
        of=leads_at,
        dated="qualified",
        by=(*_BY, STATE),
        measure=count("v.is_qualified = 1"),
        reads=("lead_qualified.owner",),
    ),
    Figure(
        name="mql_to_sal",
        says="Of the leads that became an MQL in the period, the share that sales has accepted up to the instant asked until.",
        formula="accepted MQLs / MQLs, dated by when they became one",
        unit="share",
        source="definition: lead.mql",
        of=leads_at,
        dated="mql",
        by=_BY,
        measure=ratio(count(f"v.is_mql = 1 AND {IS_ACCEPTED}"), count("v.is_mql = 1")),
        within_days=None,
        reads=_MQL,
    ),
    Figure(
        name="mql_to_sql",
        says="Of the leads that became an MQL in the period, the share that sales has qualified up to the instant asked until.",
        formula="qualified MQLs / MQLs, dated by when they became one",
        unit="share",
        source="definition: lead.mql, lead.sql",
        of=leads_at,
        dated="mql",
        by=_BY,
        measure=ratio(count("v.is_mql = 1 AND v.is_qualified = 1"), count("v.is_mql = 1")),
        within_days=None,
        reads=_MQL,
    ),
)
HANDOFF = (
    Figure(
        name="leads_handed_over",
        says="Leads handed over to sales in the period.",
        formula="number of lead cycles, dated by the handoff",
        unit="leads",
        source="definition: handoff.starts",
        of=leads_at,
        dated="handed_over",
        by=(*_BY, ANSWER, STATE, BASIS),
        measure=count("v.handed_over_at > 0"),
        reads=_HANDED_OVER,
    ),
    Figure(
        name="leads_breached",
        says="Of the leads handed over in the period, those that nobody answered by the limit of the SLA. A late answer does not mend it.",
        formula="number of lead cycles past the limit, dated by the handoff",
        unit="leads",
        source="definition: handoff.limit",
        of=leads_at,
        dated="handed_over",
        by=(*_BY, ANSWER, STATE, BASIS),
        measure=count("v.is_breached = 1"),
        reads=_HANDED_OVER,
    ),
    Figure(
        name="within_sla",
        says="Of the leads handed over in the period that were answered or are past the limit, the share answered by the limit of the SLA.",
        formula="answered by the limit / (answered or past the limit), dated by the handoff",
        unit="share",
        source="definition: handoff.limit",
        of=leads_at,
        dated="handed_over",
        by=(*_BY, BASIS),
        measure=ratio(count(f"{IS_ANSWERED} AND v.is_breached = 0"), count(f"({IS_ANSWERED} OR v.is_breached = 1)")),
        reads=_HANDED_OVER,
    ),
    Figure(
        name="share_accepted",
        says="Of the leads that sales answered in the period, the share that was accepted. Who answers nothing shows in within_sla.",
        formula="accepted / (accepted + rejected), dated by the answer",
        unit="share",
        source="definition: handoff",
        of=leads_at,
        dated="answered",
        by=_BY,
        measure=ratio(count(IS_ACCEPTED), count(IS_ANSWERED)),
        reads=("lead_accepted.owner", "lead_rejected.reason"),
    ),
    Figure(
        name="time_to_assign",
        says="From MQL to the first assignment, in wall time, of the leads that became an MQL in the period and were assigned after it.",
        formula="median and 90 % quantile (type 7) of first assigned - MQL",
        unit="duration",
        source="definition: lead.mql",
        of=leads_at,
        dated="mql",
        by=_BY,
        measure=quantiles("to_assign", "1/2", "9/10", where="v.to_assign >= 0"),
        reads=("lead_assigned.team",),
    ),
    Figure(
        name="business_time_to_assign",
        says="From MQL to the first assignment, in business time of the team, of the leads that became an MQL in the period and were"
        " assigned after it.",
        formula="median and 90 % quantile (type 7) of the business time from MQL to first assigned",
        unit="duration",
        source="definition: lead.mql, calendars",
        of=leads_at,
        dated="mql",
        by=_BY,
        measure=quantiles("to_assign_business", "1/2", "9/10", where="v.to_assign_business >= 0"),
        reads=("lead_assigned.team",),
    ),
    Figure(
        name="time_to_accept",
        says="From the handoff of a lead to its acceptance by sales, in wall time, of the leads accepted in the period.",
        formula="median and 90 % quantile (type 7) of accepted - handed over",
        unit="duration",
        source="definition: handoff",
        of=leads_at,
        dated="answered",
        by=_BY,
        measure=quantiles("to_accept", "1/2", "9/10", where=f"{IS_ACCEPTED} AND v.to_accept >= 0"),
        reads=("lead_accepted.owner",),
    ),
    Figure(
        name="business_time_to_accept",
        says="From the handoff of a lead to its acceptance by sales, in business time of its team, of the leads accepted in the period.",
        formula="median and 90 % quantile (type 7) of the business time from handed over to accepted",
        unit="duration",
        source="definition: handoff, calendars",
        of=leads_at,
        dated="answered",
        by=_BY,
        measure=quantiles("to_accept_business", "1/2", "9/10", where=f"{IS_ACCEPTED} AND v.to_accept_business >= 0"),
        reads=("lead_accepted.owner",),
    ),
)
