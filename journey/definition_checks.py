"""What is wrong with a definition that has the right shape: names that do not exist, rules that can't hold, deadlines without end.

Of the rules `when`, none can loop: a touchpoint makes at most one move. Deadlines need no touchpoint, so a circle of them would.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from journey.calendars import YEARS_MAX, opening_hours
from journey.channels import DERIVED, FIELDS
from journey.conditions import leaves_of, meaning_of, needs_an_event
from journey.definition import Condition, Definition, ProfileIs, Rule, Scored, SegmentIs, StageIs, Tests
from journey.funnels import problems_of_funnel
from journey.instants import Micros, spelled
from journey.match_checks import problems_of_match, problems_of_pattern, problems_of_test, problems_of_type
from journey.money import DECIMALS
from journey.plan import leads_from
from journey.problems import PROBLEMS_MAX, Place, Problem, meant
from journey.touchpoints import ACCOUNT, DEAL, PERSON, PROFILE_FIELDS, TYPES

WEEKS_A_YEAR = 52

NO_ACTIVITY = {
    **dict.fromkeys(["identified", "unlinked", "account_joined", "account_left"], "a link"),
    **dict.fromkeys(["retracted"], "a retraction"),
    **dict.fromkeys(["email_sent", "email_delivered", "email_bounced", "ad_impression", "survey_sent", "prospected"], "what we sent"),
    **dict.fromkeys(["consent_given", "consent_withdrawn", "profile_updated", "lead_scored", "lead_assigned"], "a record"),
}
"""Types that say nothing of what a person did, and what they are instead."""


def problems(definition: Definition) -> list[Problem]:
    """What is wrong with `definition`, up to PROBLEMS_MAX; none for one that can be used."""
    looked_at = (
        _names_given_twice, _rules, _unreachable, _circles, _matches, _segments, _lists_of_types, _channels, _calendars, _the_rest,
    )  # fmt: skip
    return list(islice(chain.from_iterable(look(definition) for look in looked_at), PROBLEMS_MAX))


# --- stages and their rules


def _rules(definition: Definition) -> Iterator[Problem]:
    for place, who, rule, stage in _each_rule(definition):
        given = [key for key in ("when", "inactive", "score_below") if getattr(rule, key) is not None]
        if not given:
            yield Problem(place, f"{who} says nothing of how the stage is entered: it needs one of when, inactive, score_below")
        if len(given) > 1:
            yield Problem(place, f"{who} has {' and '.join(given)}: a rule has one of them; make it {len(given)} rules")
        if rule.when is None and given and rule.from_ is None:
            yield Problem(place, f"{who} is a deadline, so it needs `from`: the stages that it leads out of")
        if rule.when is not None and rule.unless_deal_open:
            yield Problem(
                (*place, "unless_deal_open"), f"{who} is no deadline, so it can't wait for a deal; ask for no_open_deal in `when`"
            )
        if rule.when is not None and not needs_an_event(rule.when):
            yield Problem((*place, "when"), f"{who} would hold because no deal is open and nothing else; add what has to happen, under all")
        for index, name in enumerate(rule.from_ or ()):
            if name not in definition.stage_names:
                yield Problem(
                    (*place, "from", index), f"{who} leads out of {name!r}, which is no stage{meant(name, definition.stage_names)}"
                )
            if name == stage:
                yield Problem((*place, "from", index), f"{who} leads out of the stage that it leads to")


def _each_rule(definition: Definition) -> Iterator[tuple[Place, str, Rule, str]]:
    for at, stage in enumerate(definition.stages):
        for index, rule in enumerate(stage.rules):
            yield ("stages", at, "rules", index), f"rule {rule.name!r} of stage {stage.name!r}", rule, stage.name


def _unreachable(definition: Definition) -> Iterator[Problem]:
    leads: dict[str, set[str]] = {}
    for _, _, rule, to in _each_rule(definition):
        for name in leads_from(definition, to, rule):
            leads.setdefault(name, set()).add(to)
    reached, edge = {""}, {""}
    while edge:
        edge = {to for name in edge for to in leads.get(name, ())} - reached
        reached |= edge
    for at, stage in enumerate(definition.stages):
        if stage.name not in reached:
            yield Problem(("stages", at), f"stage {stage.name!r} can't be reached: no rule leads to it out of a stage that can be")


def _circles(definition: Definition) -> Iterator[Problem]:
    """Circles of deadlines: `inactive` and `score_below`, which follow each other without a touchpoint."""
    deadlines: dict[str, dict[str, tuple[Place, str]]] = {}
    for place, _, rule, to in _each_rule(definition):
        for name in rule.from_ or () if rule.when is None else ():
            if name != to:
                deadlines.setdefault(name, {}).setdefault(to, (place, rule.name))
    told: set[str] = set()
    for start in definition.stage_names:
        circle = None if start in told else _way(deadlines, start, start)
        if circle is not None:
            told.update(circle)
            steps = [deadlines[name][to] for name, to in pairwise(circle)]
            rules = ", ".join(repr(name) for _, name in steps)
            yield Problem(steps[0][0], f"deadlines could follow each other for ever: {' -> '.join(circle)} (rules {rules})")


def _way(leads: dict[str, dict[str, Any]], start: str, end: str) -> list[str] | None:
    """A shortest way from `start` to `end`, of at least one step."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for to in leads.get(way[-1], ()):
            if to == end:
                return [*way, to]
            if to not in seen:
                seen.add(to)
                ways.append([*way, to])
    return None


# --- matches


def _matches(definition: Definition) -> Iterator[Problem]:
    evidence_max = definition.bounds.evidence_max
    for place, who, condition, reach in _each_condition(definition):
        for inner, leaf in leaves_of(condition, place):
            for within, one in meaning_of(leaf).matches(leaf):
                yield from problems_of_match(one, (*inner, *within), who, reach, definition)
                if one is leaf and "close" in one.types and reach >= DEAL and one.where.keys() <= {"outcome"}:
                    wanted = "ask {deal: won}, {deal: lost} or {deal: abandoned}"
                    if place[0] == "milestones":
                        wanted = "deals won and lost are steps of funnels without being named"
                    message = f"{who} asks for touchpoint type 'close', and a stage may close a deal too; {wanted}"
                    yield Problem((*inner, "types"), message)
            for count in meaning_of(leaf).counts(leaf):
                if count.times > evidence_max:
                    message = f"{who} counts to {count.times}, beyond bounds.evidence_max, {evidence_max}"
                    yield Problem((*inner, "count", "times"), message)


def _each_condition(definition: Definition) -> Iterator[tuple[Place, str, Condition, frozenset[str]]]:
    """Every condition with its place, whose it is, and the kinds of subject whose touchpoints can reach it."""
    for place, who, rule, _ in _each_rule(definition):
        if rule.when is not None:
            yield (*place, "when"), who, rule.when, PERSON | DEAL | ACCOUNT
    lead = definition.lead
    if lead.created_by is not None:
        yield ("lead", "created_by"), "lead.created_by", lead.created_by, PERSON
    yield ("lead", "mql"), "lead.mql", lead.mql, PERSON | DEAL
    yield ("lead", "sql"), "lead.sql", lead.sql, PERSON
    for index, scoring in enumerate(definition.scoring):
        yield ("scoring", index, "when"), f"scoring rule {scoring.name!r}", scoring.when, PERSON
    for name, segment in definition.segments.items():
        yield ("segments", name), f"segment {name!r}", segment, PERSON | DEAL | ACCOUNT
    for index, ours in enumerate(definition.not_activity):
        yield ("not_activity", index), f"not_activity {index + 1}", ours, PERSON | DEAL
    for index, event in enumerate(definition.key_events):
        yield ("key_events", index), f"key event {index + 1}", event, PERSON
    for name, milestone in definition.milestones.items():
        yield ("milestones", name), f"milestone {name!r}", milestone, PERSON | DEAL
    for index, conversion in enumerate(definition.attribution.conversions):
        if conversion.when is not None:
            yield ("attribution", "conversions", index, "when"), f"conversion {conversion.name!r}", conversion.when, PERSON | DEAL


# --- segments


def _segments(definition: Definition) -> Iterator[Problem]:
    names, asks_for = list(definition.segments), dict[str, dict[str, Place]]()
    for place, who, condition, _ in _each_condition(definition):
        is_segment = place[0] == "segments"
        for inner, leaf in leaves_of(condition, place):
            if not is_segment and meaning_of(leaf).is_of_segments:
                key = next(iter(type(leaf).model_fields))
                yield Problem((*inner, key), f"{who} asks for a {key}, as only segments do: nothing sets it off")
            match leaf:
                case SegmentIs(segment=name) if is_segment and name not in definition.segments:
                    yield Problem((*inner, "segment"), f"{who} asks for segment {name!r}, which is none{meant(name, names)}")
                case SegmentIs(segment=name) if is_segment:
                    asks_for.setdefault(str(place[1]), {}).setdefault(name, (*inner, "segment"))
                case StageIs(stage=stages):
                    for stage in stages:
                        if stage not in definition.stage_names:
                            near = meant(stage, definition.stage_names)
                            yield Problem((*inner, "stage"), f"{who} asks for stage {stage!r}, which is none{near}")
                case ProfileIs(profile=tests):
                    yield from _profile(tests, (*inner, "profile"), who)
                case Scored(score=score) if is_segment and score.at_least < 1:
                    yield Problem((*inner, "score", "at_least"), f"{who} asks for a score of {score.at_least}, which who has none has too")
                case _:
                    pass
        if is_segment and not needs_an_event(condition):
            yield Problem(place, f"{who} would hold of who never did anything; add what has to happen, under all")
    told: set[str] = set()
    for start in names:
        circle = None if start in told else _way(asks_for, start, start)
        if circle is not None:
            told.update(circle)
            way = " -> ".join(circle)
            yield Problem(asks_for[start][circle[1]], f"segment {start!r} refers to itself: {way}; a segment can't ask for itself")


def _profile(tests: Tests, place: Place, who: str) -> Iterator[Problem]:
    for name, test in tests.items():
        if name not in PROFILE_FIELDS:
            known = sorted(PROFILE_FIELDS)
            yield Problem((*place, name), f"{who} tests {name!r}; of a profile it can test {', '.join(known)}{meant(name, known)}")
        yield from problems_of_test(test, (*place, name), f"{who}: {name}")


# --- names and lists


def _names_given_twice(definition: Definition) -> Iterator[Problem]:
    lists: list[tuple[Place, Sequence[Any] | dict[str, Any]]] = [
        (("stages",), definition.stages),
        *((("stages", at, "rules"), stage.rules) for at, stage in enumerate(definition.stages)),
        (("scoring",), definition.scoring),
        (("pipelines",), definition.pipelines),
        *((("pipelines", at, "stages"), pipeline.stages) for at, pipeline in enumerate(definition.pipelines)),
        (("follow_up_plan",), definition.follow_up_plan),
        (("attribution", "conversions"), definition.attribution.conversions),
        (("segments",), definition.segments),
        (("milestones",), definition.milestones),
        (("funnels",), definition.funnels),
        (("topics",), definition.topics),
        *((("reasons", kind), getattr(definition.reasons, kind)) for kind in ("reject", "recycle", "disqualify", "loss", "churn")),
    ]
    for place, named in lists:
        seen: set[str] = set()
        for index, one in enumerate(named):
            name = one if isinstance(one, str) else one.name
            if name.casefold() in seen:
                here = (*place, name if isinstance(named, dict) else index)
                yield Problem(here, f"{'.'.join(str(part) for part in place if isinstance(part, str))} has {name!r} twice")
            seen.add(name.casefold())


def _lists_of_types(definition: Definition) -> Iterator[Problem]:
    lists = {
        ("activity",): (definition.activity, PERSON | DEAL),
        ("traffic",): (definition.traffic, PERSON),
        ("session_types",): (definition.session_types, PERSON),
        ("attribution", "touches"): (definition.attribution.touches, PERSON),
    }
    for place, (types, reach) in lists.items():
        for index, name in enumerate(types):
            yield from problems_of_type(name, (*place, index), f"{'.'.join(place)} lists", reach)
            if place == ("activity",) and name in NO_ACTIVITY:
                yield Problem((*place, index), f"activity lists {name!r}, which is {NO_ACTIVITY[name]} and no activity of the person's")


# --- channels


def _channels(definition: Definition) -> Iterator[Problem]:
    last = len(definition.channels) - 1
    for at, rule in enumerate(definition.channels):
        place, who = ("channels", at), f"channel rule {at + 1} ({rule.channel})"
        if not rule.when and not rule.any and at != last:
            yield Problem(place, f"{who} tests nothing, so none of the rules after it is ever asked")
        yield from _channel_tests(rule.when, (*place, "when"), who, definition)
        for index, group in enumerate(rule.any):
            yield from _channel_tests(group, (*place, "any", index), who, definition)
    listed: dict[str, str] = {}
    for kind, hosts in definition.referrers.items():
        for index, host in enumerate(hosts):
            other = listed.setdefault(host.casefold(), kind)
            if other != kind:
                yield Problem(("referrers", kind, index), f"referrers lists {host!r} as {kind} and as {other}")
    aliases: dict[str, str] = {}
    for at, alias in enumerate(definition.campaign_aliases):
        for index, name in enumerate(alias.names):
            other = aliases.setdefault(name.casefold(), alias.campaign)
            if other != alias.campaign:
                message = f"campaign_aliases has {name!r} for {alias.campaign!r} and for {other!r}"
                yield Problem(("campaign_aliases", at, "names", index), message)
    for index, pattern in enumerate(definition.bots.agents):
        yield from problems_of_pattern(pattern, ("bots", "agents", index), "bots.agents")


def _channel_tests(tests: Tests, place: Place, who: str, definition: Definition) -> Iterator[Problem]:
    known = {"type": list(TYPES), "site": list(definition.referrers), "paid_click": list(definition.click_ids.values())}
    for name, test in tests.items():
        here = (*place, name)
        if name not in FIELDS and name not in DERIVED:
            near = meant(name, [*FIELDS, *DERIVED])
            yield Problem(here, f"{who} tests {name!r}; it can test {', '.join([*FIELDS, *sorted(DERIVED)])}{near}")
        yield from problems_of_test(test, here, f"{who}: {name}")
        for value in (*(test.is_ or ()), *(test.not_ or ())) if name in known else ():
            if str(value).casefold() not in (word.casefold() for word in known[name]):
                lists = {"type": "the vocabulary", "site": "the kinds of referrers", "paid_click": "the networks of click_ids"}
                yield Problem(here, f"{who} tests for {name} {value!r}, which is not in {lists[name]}{meant(str(value), known[name])}")


# --- time


def _calendars(definition: Definition) -> Iterator[Problem]:
    if definition.handoff.business_time and "default" not in definition.calendars:
        yield Problem(("calendars",), "handoff.business_time needs a calendar named 'default', for teams without one of their own")
    yield from _zone(definition.zone, ("zone",), "zone")
    for team, calendar in definition.calendars.items():
        place: Place = ("calendars", team)
        yield from _zone(calendar.zone, (*place, "zone"), f"calendar {team!r}")
        week = 0
        for weekday, spans in calendar.hours.items():
            closed = 0
            for opens, closes, text, problem in sorted(_spans(spans)):
                here = (*place, "hours", weekday)
                if problem:
                    yield Problem(here, f"calendar {team!r} on {weekday}: {problem}")
                elif opens < closed:
                    yield Problem(here, f"calendar {team!r} on {weekday}: {text} begins before the span before it ends")
                week += closes - opens
                closed = max(closed, closes)
        if week == 0:
            yield Problem((*place, "hours"), f"calendar {team!r} has no hours at all, so no limit is ever reached in it")
        for name in ("limit", "expire_after"):
            limit: Micros = getattr(definition.handoff, name) or 0
            if week and definition.handoff.business_time and limit > week * WEEKS_A_YEAR * YEARS_MAX // 2:
                message = f"handoff.{name} {spelled(limit)} is more business time than calendar {team!r} has in {YEARS_MAX // 2} years"
                yield Problem(("handoff", name), message)


def _spans(spans: Sequence[str]) -> Iterator[tuple[Micros, Micros, str, str]]:
    for text in spans:
        try:
            yield (*opening_hours(text), text, "")
        except ValueError as error:
            yield 0, 0, text, str(error)


def _zone(name: str, place: Place, who: str) -> Iterator[Problem]:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder of zones is an OSError.
        yield Problem(place, f"{who}: {name!r} is no time zone{meant(name, available_timezones())}")


# --- the rest


def _the_rest(definition: Definition) -> Iterator[Problem]:
    if definition.currency not in DECIMALS:
        yield Problem(("currency",), f"currency {definition.currency!r} is not in ISO 4217{meant(definition.currency, DECIMALS)}")
    for source, currency in definition.default_currency.items():
        if currency not in DECIMALS:
            message = f"default_currency of {source!r}: {currency!r} is not in ISO 4217{meant(currency, DECIMALS)}"
            yield Problem(("default_currency", source), message)
    if sorted(definition.deadline_order) != ["inactivity", "score_expiry", "sla"]:
        yield Problem(("deadline_order",), "deadline_order names each of score_expiry, sla and inactivity once")
    handoff = definition.handoff
    if len(set(handoff.starts)) < len(handoff.starts):
        yield Problem(("handoff", "starts"), "handoff.starts names each of assigned, mql and created once at most")
    if handoff.expire_after is not None and handoff.expire_after <= handoff.limit:
        message = f"handoff.expire_after {spelled(handoff.expire_after)} is not longer than handoff.limit {spelled(handoff.limit)}"
        yield Problem(("handoff", "expire_after"), message)
    for index, conversion in enumerate(definition.attribution.conversions):
        given = [key for key in ("lead", "deal", "when") if getattr(conversion, key) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            message = f"conversion {conversion.name!r} needs one of lead, deal, when, and has {said}"
            yield Problem(("attribution", "conversions", index), message)
    for index, funnel in enumerate(definition.funnels):
        yield from problems_of_funnel(funnel, ("funnels", index), definition)
