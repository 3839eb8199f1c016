from typing import Any

import pytest

from journey.definition import Definition
from journey.definition_checks import problems
from schemas.definition_files import default_definition

FIRST = {"name": "first", "when": {"types": "page_view"}}


def definition(*rules: dict[str, Any], **parts: Any) -> Definition:
    """Stages new, warm and cold, where `rules` lead to warm; `parts` replaces others."""
    content: dict[str, Any] = {
        "name": "test",
        "stages": [
            {"name": "new", "rules": [FIRST]},
            {"name": "warm", "rules": [*rules, {"name": "demo", "when": {"types": "demo"}}]},
            {"name": "cold", "way": "out", "rules": [{"name": "silent", "inactive": "30d", "from": ["new", "warm"]}]},
        ],
        "activity": ["call"],
        "traffic": [],
        "session_types": [],
        "lead": {"mql": {"score": {"at_least": 50}}, "sql": {"types": "lead_qualified"}},
        "handoff": {"limit": "4h", "business_time": False},
        "attribution": {"touches": [], "conversions": []},
    }
    return Definition.model_validate(content | parts)


def told(*rules: dict[str, Any], **parts: Any) -> str:
    found = problems(definition(*rules, **parts))
    assert len(found) == 1, found
    return found[0].message


def about(types: str | list[str], where: dict[str, Any], **parts: Any) -> str:
    return told({"name": "r", "when": {"types": types, "where": where}}, **parts)


def stages(*stages: tuple[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"name": name, "rules": rules} for name, rules in stages]


def test_the_definition_that_ships_has_no_problems() -> None:
    assert problems(default_definition()) == []


def test_the_small_definition_of_these_tests_has_no_problems() -> None:
    assert problems(definition()) == []


# --- types and fields


def test_a_type_that_is_not_in_the_vocabulary_is_told_with_the_rule_and_what_was_meant() -> None:
    assert told({"name": "demo-held", "when": {"types": "demoo"}}) == (
        "rule 'demo-held' of stage 'warm' needs touchpoint type 'demoo', which is not in the vocabulary; did you mean 'demo'?"
    )


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        (("activity", 0), {"activity": ["demoo"]}),
        (("traffic", 1), {"traffic": ["page_view", "demoo"]}),
        (("session_types", 0), {"session_types": ["demoo"]}),
        (("attribution", "touches", 0), {"attribution": {"touches": ["demoo"], "conversions": []}}),
        (
            ("attribution", "conversions", 0, "when", "types", 0),
            {"attribution": {"touches": [], "conversions": [{"name": "x", "when": {"types": "demoo"}}]}},
        ),
        (("scoring", 0, "when", "types", 0), {"scoring": [{"name": "x", "when": {"types": "demoo"}, "points": 1}]}),
        (("key_events", 0, "types", 0), {"key_events": [{"types": "demoo"}]}),
        (("milestones", "x", "types", 0), {"milestones": {"x": {"types": "demoo"}}}),
        (("lead", "sql", "types", 0), {"lead": {"mql": {"score": {"at_least": 1}}, "sql": {"types": "demoo"}}}),
        (("lead", "mql", "types", 0), {"lead": {"mql": {"types": "demoo"}, "sql": {"types": "demo"}}}),
        (
            ("lead", "mql", "any", 1, "all", 0, "count", "of", "types", 0),
            {
                "lead": {
                    "mql": {"any": [{"types": "demo"}, {"all": [{"count": {"of": {"types": "demoo"}, "within": "1d"}}]}]},
                    "sql": {"types": "demo"},
                }
            },
        ),
        (("channels", 0, "when", "type"), {"channels": [{"channel": "X", "when": {"type": "demoo"}}]}),
        (("channels", 0, "any", 0, "type"), {"channels": [{"channel": "X", "any": [{"type": "demoo"}]}]}),
    ],
)
def test_a_type_that_is_not_in_the_vocabulary_is_found_wherever_it_stands(place: tuple[str | int, ...], parts: dict[str, Any]) -> None:
    found = problems(definition(**parts))
    assert [problem.path for problem in found] == [place]
    assert "'demoo', which is not in the vocabulary; did you mean 'demo'?" in found[0].message


def test_a_type_that_is_never_about_a_person_can_bring_nobody_anywhere() -> None:
    assert "about a campaign or company and is in no person's history" in told({"name": "r", "when": {"types": "spend_recorded"}})


def test_what_an_account_says_of_itself_enters_stages_but_gives_no_points() -> None:
    noticed = {"name": "r", "when": {"types": "account_updated", "where": {"tier": "a"}}}
    assert problems(definition(noticed)) == []
    assert [one.path for one in problems(definition(scoring=[{**noticed, "points": 1}]))] == [("scoring", 0, "when", "types", 0)]


def test_a_type_of_deals_enters_stages_but_gives_no_points() -> None:
    assert problems(definition({"name": "r", "when": {"types": "deal_opened"}})) == []
    scoring = [{"name": "x", "when": {"types": "deal_opened"}, "points": 1}]
    assert "scoring rule 'x' needs touchpoint type 'deal_opened', which is about a deal" in told(scoring=scoring)


def test_a_field_that_no_type_of_the_match_has_is_told_with_the_types() -> None:
    assert about(["demo", "meeting"], {"statuss": "held"}) == (
        "rule 'r' of stage 'warm' tests field 'statuss', which demo and meeting lack; did you mean 'status'?"
    )


def test_a_field_that_one_type_of_the_match_has_will_do() -> None:
    assert problems(definition({"name": "r", "when": {"types": ["page_view", "demo"], "where": {"status": "held"}}})) == []


def test_properties_and_traits_have_fields_of_their_own_and_others_have_none() -> None:
    assert problems(definition({"name": "r", "when": {"types": "custom", "where": {"properties.any.thing": 1}}})) == []
    assert problems(definition({"name": "r", "when": {"types": "profile_updated", "where": {"traits.x": {"at_least": 1}}}})) == []
    assert "there is nothing inside 'name'" in about("custom", {"name.x": 1})


def test_a_value_that_a_closed_field_never_has_is_told_with_those_that_it_has() -> None:
    assert about("demo", {"status": "helt"}) == (
        "rule 'r' of stage 'warm': status can't be 'helt': it is one of canceled, held, no_show, scheduled; did you mean 'held'?"
    )
    assert "bot can't be 'maybe': it is one of false, true" in about("demo", {"bot": "maybe"})


def test_a_field_may_be_compared_with_what_any_of_the_types_allows() -> None:
    match = {"types": ["meeting", "support_ticket"], "where": {"status": ["held", "resolved"]}}
    assert problems(definition({"name": "r", "when": match})) == []
    assert problems(definition({"name": "r", "when": {"types": "demo", "where": {"bot": False, "status": "HELD"}}})) == []


def test_only_numbers_are_at_least_something() -> None:
    assert "owner is no number" in about("demo", {"owner": {"at_least": 3}})
    assert problems(definition({"name": "r", "when": {"types": "call", "where": {"seconds": {"at_least": 30}}}})) == []


@pytest.mark.parametrize(
    ("test", "message"),
    [({}, "tested for nothing"), ({"is": []}, "one of an empty list"), ({"at_least": 5, "at_most": 3}, "which nothing is")],
)
def test_a_test_that_nothing_passes_or_fails_is_told(test: dict[str, Any], message: str) -> None:
    assert message in about("call", {"seconds": test})


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is not a regular expression"),
        ("a" * 501, "a regular expression of 501 characters; the most is 500"),
        ("^(a+)+$", "can take for ever"),
        ("(x(ab*)y)*", "can take for ever"),
        (r"(\d{2,}-)+", "can take for ever"),
    ],
)
def test_an_expression_that_can_not_be_read_or_takes_for_ever_is_told(pattern: str, message: str) -> None:
    assert message in about("page_view", {"url": {"matches": pattern}})
    assert message in told(bots={"agents": [pattern]})
    assert message in told(channels=[{"channel": "X", "when": {"source": {"matches": pattern}}}])


@pytest.mark.parametrize(
    "pattern", ["^(.*cp.*|ppc|retargeting|paid.*)$", r"(\(\+)+", "([(*+])+", "(ab)+(c)*", r"(\d{2})+", "(?:a|b)+", "(a?)+"]
)
def test_ordinary_expressions_are_fine(pattern: str) -> None:
    assert problems(definition(bots={"agents": [pattern]})) == []


# --- the definition's own lists


def test_a_topic_that_is_not_listed_is_told() -> None:
    topics = ["pricing", "security"]
    assert "topic is compared with 'pricng', which is not in topics; did you mean 'pricing'?" in about(
        "need_stated", {"topic": "pricng"}, topics=topics
    )
    assert "category is compared with 'x', which is not in topics" in about("support_ticket", {"category": "x"}, topics=topics)
    assert problems(definition({"name": "r", "when": {"types": "need_stated", "where": {"topic": "PRICING"}}}, topics=topics)) == []


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("lead_rejected", "reject"),
        ("lead_recycled", "recycle"),
        ("lead_disqualified", "disqualify"),
        ("close", "loss"),
        ("contract_ended", "churn"),
    ],
)
def test_a_reason_that_is_not_listed_is_told(type: str, kind: str) -> None:
    reasons = {kind: ["price"]}
    assert f"'prices', which is not in reasons.{kind}; did you mean 'price'?" in about(type, {"reason": "prices"}, reasons=reasons)
    assert problems(definition({"name": "r", "when": {"types": type, "where": {"reason": "price"}}}, reasons=reasons)) == []


def test_a_rule_that_asks_for_the_closing_of_a_deal_by_one_of_two_ways_is_told_the_other() -> None:
    for where in ({}, {"outcome": "won"}):
        assert "a stage may close a deal too; ask {deal: won}" in about("close", where)
        won = {"win": {"types": "close", "where": where}}
        assert "a stage may close a deal too; deals won and lost are steps of funnels without being named" in told(milestones=won)


def test_a_stage_of_no_pipeline_is_told() -> None:
    pipelines = [{"name": "p", "stages": [{"name": "proposal", "probability": "0.5"}]}]
    assert "not in the stages of any pipeline; did you mean 'proposal'?" in about("deal_updated", {"stage": "propsal"}, pipelines=pipelines)
    assert "which is not in pipelines" in about("deal_opened", {"pipeline": "q"}, pipelines=pipelines)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"topics": ["a", "A"]}, "topics has 'A' twice"),
        ({"reasons": {"loss": ["a", "b", "a"]}}, "reasons.loss has 'a' twice"),
        ({"scoring": [{"name": "x", "when": {"types": "demo"}, "points": 1}] * 2}, "scoring has 'x' twice"),
        ({"milestones": {"x": {"types": "demo"}, "X": {"types": "call"}}}, "milestones has 'X' twice"),
        ({"segments": {"x": {"types": "demo"}, "X": {"types": "call"}}}, "segments has 'X' twice"),
        ({"follow_up_plan": [{"name": "x", "kind": "call", "days_after": 1}] * 2}, "follow_up_plan has 'x' twice"),
        (
            {"pipelines": [{"name": "p", "stages": [{"name": "x", "probability": "0.5"}] * 2}]},
            "pipelines.stages has 'x' twice",
        ),
        ({"attribution": {"touches": [], "conversions": [{"name": "x", "deal": "won"}] * 2}}, "attribution.conversions has 'x' twice"),
        (
            {"campaign_aliases": [{"campaign": "a", "names": ["x"]}, {"campaign": "b", "names": ["X"]}]},
            "campaign_aliases has 'X' for 'b' and for 'a'",
        ),
        ({"referrers": {"search": ["a.example"], "social": ["A.example"]}}, "referrers lists 'A.example' as social and as search"),
    ],
)
def test_what_is_named_twice_is_told(parts: dict[str, Any], message: str) -> None:
    assert told(**parts) == message


@pytest.mark.parametrize(
    ("steps", "more", "message"),
    [
        (["talk", "trail"], {}, "has the step 'trail', which is no milestone, conversion, stage or step of leads; did you mean 'trial'?"),
        (["talk", "warm"], {}, "has the step 'warm', which is a milestone and a stage of the journey: rename one of them"),
        (["talk", "talk", "mql"], {}, "has the step 'talk' twice"),
        ([{"step": "talk", "optional": True}, "mql", "cold"], {}, "begins with an optional step"),
        (["talk", {"step": "mql", "optional": True}, "cold"], {"order": "any"}, "is in any order, so none of its steps can be optional"),
        (["talk", {"step": "mql", "optional": True}, "cold"], {"order": "strict"}, "is strict, so none of its steps can be optional"),
        (["talk", {"step": "mql", "optional": True}], {}, "needs two steps that are not optional"),
    ],
)
def test_a_funnel_that_nobody_can_walk_is_told(steps: list[Any], more: dict[str, Any], message: str) -> None:
    milestones = {"talk": {"types": "call"}, "trial": {"types": "trial_started"}, "warm": {"types": "demo"}}
    assert message in told(milestones=milestones, funnels=[{"name": "f", "steps": steps, **more}])


def test_two_stages_or_two_rules_of_one_name_are_told() -> None:
    assert told({"name": "demo", "when": {"types": "call"}}) == "stages.rules has 'demo' twice"
    assert told(stages=stages(("new", [FIRST]), ("new", [FIRST]))) == "stages has 'new' twice"


# --- rules


def test_a_rule_has_one_way_in() -> None:
    assert "it needs one of when, inactive, score_below" in told({"name": "r"})
    both = {"name": "r", "when": {"types": "demo"}, "inactive": "1d", "from": ["new"]}
    assert "has when and inactive: a rule has one of them" in told(both)


def test_a_deadline_says_which_stages_it_leads_out_of() -> None:
    assert "is a deadline, so it needs `from`" in told({"name": "r", "inactive": "1d"})
    assert "is a deadline, so it needs `from`" in told({"name": "r", "score_below": 1})


def test_only_a_deadline_waits_for_a_deal() -> None:
    assert "is no deadline" in told({"name": "r", "when": {"types": "demo"}, "unless_deal_open": True})


def test_a_rule_leads_out_of_another_stage_that_there_is() -> None:
    assert told({"name": "r", "when": {"types": "demo"}, "from": ["nev"]}) == (
        "rule 'r' of stage 'warm' leads out of 'nev', which is no stage; did you mean 'new'?"
    )
    assert "leads out of the stage that it leads to" in told({"name": "r", "when": {"types": "demo"}, "from": ["warm", "new"]})


@pytest.mark.parametrize("when", [{"no_open_deal": True}, {"any": [{"types": "demo"}, {"all": [{"no_open_deal": True}]}]}])
def test_no_open_deal_alone_sets_nothing_off(when: dict[str, Any]) -> None:
    assert "would hold because no deal is open and nothing else" in told({"name": "r", "when": when})


def test_a_stage_that_nobody_can_come_to_is_told() -> None:
    island = stages(
        ("new", [FIRST]),
        ("there", [{"name": "a", "when": {"types": "demo"}, "from": "back"}]),
        ("back", [{"name": "b", "when": {"types": "demo"}, "from": "there"}]),
    )
    found = problems(definition(stages=island))
    assert [(problem.path, problem.message.split(":")[0]) for problem in found] == [
        (("stages", 1), "stage 'there' can't be reached"),
        (("stages", 2), "stage 'back' can't be reached"),
    ]


def test_a_stage_may_be_reached_by_a_deadline_alone() -> None:
    late = stages(("new", [FIRST]), ("late", [{"name": "a", "inactive": "1d", "from": "new"}]))
    assert problems(definition(stages=late)) == []


def test_a_rule_without_from_does_not_lead_out_of_the_ways_out() -> None:
    stranded = stages(
        ("new", [FIRST]),
        ("out", [{"name": "a", "inactive": "1d", "from": "new"}]),
        ("later", [{"name": "b", "score_below": 1, "from": "x"}]),
    )
    stranded[1]["way"] = "out"
    stranded[2]["rules"] = [{"name": "b", "when": {"types": "demo"}, "from": "out"}]
    assert problems(definition(stages=stranded)) == []


def test_deadlines_that_could_follow_each_other_for_ever_are_told_with_the_circle() -> None:
    circle = stages(
        ("new", [FIRST, {"name": "woken", "score_below": 5, "from": "lost"}]),
        ("cold", [{"name": "cooled", "inactive": "30d", "from": "new"}]),
        ("lost", [{"name": "gone", "inactive": "30d", "from": "cold"}]),
    )
    assert told(stages=circle) == (
        "deadlines could follow each other for ever: new -> cold -> lost -> new (rules 'cooled', 'gone', 'woken')"
    )


def test_a_way_back_that_needs_a_touchpoint_is_no_circle() -> None:
    back = stages(
        ("new", [FIRST, {"name": "woken", "when": {"types": "demo"}, "from": "lost"}]),
        ("lost", [{"name": "gone", "inactive": "30d", "from": "new"}]),
    )
    assert problems(definition(stages=back)) == []


def test_a_count_beyond_what_is_remembered_is_told() -> None:
    when = {"count": {"times": 11, "of": {"types": "demo"}, "within": "1d"}}
    assert "counts to 11, beyond bounds.evidence_max, 10" in told({"name": "r", "when": when}, bounds={"evidence_max": 10})


# --- activity


@pytest.mark.parametrize(
    ("type", "what"),
    [
        ("identified", "a link"),
        ("retracted", "a retraction"),
        ("email_sent", "what we sent"),
        ("ad_impression", "what we sent"),
        ("consent_given", "a record"),
    ],
)
def test_links_retractions_and_what_we_sent_are_no_activity(type: str, what: str) -> None:
    assert told(activity=["call", type]) == f"activity lists {type!r}, which is {what} and no activity of the person's"


# --- channels


def test_a_channel_rule_tests_what_there_is_to_test() -> None:
    assert "tests 'sorce'; it can test source, medium," in told(channels=[{"channel": "X", "when": {"sorce": "x"}}])
    sites = {"channels": [{"channel": "X", "when": {"site": "serch"}}], "referrers": {"search": ["google"]}}
    assert "tests for site 'serch', which is not in the kinds of referrers; did you mean 'search'?" in told(**sites)
    clicks = {"channels": [{"channel": "X", "when": {"paid_click": "gogle"}}], "click_ids": {"gclid": "google"}}
    assert "tests for paid_click 'gogle', which is not in the networks of click_ids; did you mean 'google'?" in told(**clicks)


def test_a_channel_rule_without_tests_comes_last() -> None:
    rules = [{"channel": "X"}, {"channel": "Y", "when": {"source": "x"}}]
    assert "none of the rules after it is ever asked" in told(channels=rules)
    assert problems(definition(channels=rules[::-1])) == []


# --- time and the rest


def calendar(hours: Any, zone: str = "UTC") -> dict[str, Any]:
    return {"default": {"zone": zone, "hours": hours}}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"zone": "Europe/Berln"}, "zone: 'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'?"),
        ({"zone": "Europe"}, "zone: 'Europe' is no time zone; did you mean 'Europe/Rome'?"),
        ({"zone": "../etc"}, "zone: '../etc' is no time zone"),
        ({"calendars": calendar({"mon": "09:00-17:00"}, zone="Nowhere")}, "calendar 'default': 'Nowhere' is no time zone"),
        (
            {"calendars": calendar({"mon": ["09:00-17:00", "9-17"]})},
            "calendar 'default' on mon: '9-17' is not a span of hours; write it like 09:00-17:00",
        ),
        (
            {"calendars": calendar({"mon": ["13:00-17:00", "09:00-13:01"]})},
            "calendar 'default' on mon: 13:00-17:00 begins before the span before it ends",
        ),
        ({"calendars": calendar({})}, "calendar 'default' has no hours at all, so no limit is ever reached in it"),
        ({"handoff": {"limit": "4h"}}, "handoff.business_time needs a calendar named 'default', for teams without one of their own"),
        (
            {"handoff": {"limit": "52w"}, "calendars": calendar({"mon": "09:00-09:30"})},
            "handoff.limit 52w is more business time than calendar 'default' has in 10 years",
        ),
        (
            {"handoff": {"limit": "4h", "expire_after": "4h", "business_time": False}},
            "handoff.expire_after 4h is not longer than handoff.limit 4h",
        ),
        ({"currency": "EUX"}, "currency 'EUX' is not in ISO 4217; did you mean 'UGX'?"),
        ({"deadline_order": ["sla", "sla", "inactivity"]}, "deadline_order names each of score_expiry, sla and inactivity once"),
        ({"attribution": {"touches": [], "conversions": [{"name": "x"}]}}, "conversion 'x' needs one of lead, deal, when, and has none"),
        (
            {"attribution": {"touches": [], "conversions": [{"name": "x", "deal": "won", "lead": "mql"}]}},
            "conversion 'x' needs one of lead, deal, when, and has lead and deal",
        ),
    ],
)
def test_zones_hours_limits_currencies_and_conversions_are_checked(parts: dict[str, Any], message: str) -> None:
    assert told(**parts) == message


def test_spans_that_meet_do_not_overlap() -> None:
    assert problems(definition(calendars=calendar({"mon": ["12:00-17:00", "09:00-12:00"]}))) == []


@pytest.mark.parametrize(
    ("segments", "path", "message"),
    [
        ({"a": {"segment": "a"}}, ("a", "segment"), "segment 'a' refers to itself: a -> a; a segment can't ask for itself"),
        (
            {"a": {"any": [{"types": "demo"}, {"segment": "b"}]}, "b": {"all": [{"segment": "a"}]}},
            ("a", "any", 1, "segment"),
            "segment 'a' refers to itself: a -> b -> a; a segment can't ask for itself",
        ),
        ({"a": {"segment": "buyer"}, "buyers": {"deal": "won"}}, ("a", "segment"), "asks for segment 'buyer', which is none; did you mean"),
        ({"a": {"stage": ["warm", "wam"]}}, ("a", "stage"), "segment 'a' asks for stage 'wam', which is none; did you mean 'warm'?"),
        ({"a": {"profile": {"contry": "DE"}}}, ("a", "profile", "contry"), "did you mean 'country'?"),
        ({"a": {"profile": {"country": {"not": "DE"}}}}, ("a",), "would hold of who never did anything"),
        ({"a": {"no_open_deal": True}}, ("a",), "would hold of who never did anything"),
        ({"a": {"score": {"at_least": 0}}}, ("a", "score", "at_least"), "which who has none has too"),
        ({"a": {"types": "spend_recorded"}}, ("a", "types", 0), "is in no person's history"),
    ],
)
def test_a_segment_that_cannot_be_is_told_where_it_is_written(segments: dict[str, Any], path: tuple[str | int, ...], message: str) -> None:
    (one,) = problems(definition(segments=segments))
    assert one.path == ("segments", *path)
    assert message in one.message


@pytest.mark.parametrize("when", [{"segment": "a"}, {"stage": "new"}, {"profile": {"country": "DE"}}])
def test_what_a_person_is_sets_off_no_rule(when: dict[str, Any]) -> None:
    assert "as only segments do: nothing sets it off" in told({"name": "r", "when": when}, segments={"a": {"types": "demo"}})
