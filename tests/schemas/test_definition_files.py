from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from journey.definition import Definition
from journey.errors import Refused
from schemas.definition_files import (
    PROBLEMS_TOLD_MAX,
    default_definition,
    dump_definition,
    kept_definition,
    load_definition,
    parse_definition,
)

SMALL = """\
name: small
stages:
  - name: new
    rules:
      - name: first
        when: {types: page_view}
activity: [call]
traffic: []
session_types: []
lead:
  mql: {score: {at_least: 50}}
  sql: {types: lead_qualified}
handoff: {limit: 4h, business_time: false}
attribution: {touches: [], conversions: []}
"""


def refused(text: str, name: str = "b2b.yaml") -> list[str]:
    with pytest.raises(Refused) as error:
        parse_definition(text, name)
    return str(error.value).split("\n")


def with_rule(rule: str) -> str:
    """SMALL, with line 6 replaced."""
    return SMALL.replace("        when: {types: page_view}", rule)


def test_a_small_file_is_a_definition() -> None:
    definition = parse_definition(SMALL, "small.yaml")
    assert definition.stage_names == ("new",)
    assert definition.handoff.limit == 4 * 3600 * 1_000_000


def test_a_file_of_before_there_were_segments_is_read() -> None:
    assert parse_definition(SMALL + "segments: []\n", "old.yaml").segments == {}


def test_the_definition_that_ships_is_read_once() -> None:
    assert default_definition().name == "default"
    assert default_definition() is default_definition()


# --- what is wrong, with its line


def test_a_wrong_name_is_told_with_file_and_line_and_what_was_meant() -> None:
    assert refused(with_rule("        when: {types: demoo}")) == [
        "b2b.yaml:6: rule 'first' of stage 'new' needs touchpoint type 'demoo', which is not in the vocabulary; did you mean 'demo'?"
    ]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = with_rule("        when: {types: demoo}").replace("[call]", "[calll]").replace("4h,", "4h, expire_after: 1h,")
    assert [line.split(":")[1] for line in refused(text)] == ["6", "7", "13"]


@pytest.mark.parametrize(
    ("rule", "line", "message"),
    [
        ("        when: {type: demo}", 6, "stages.new.rules.first.when is no condition: it has 'type'; did you mean 'types'?"),
        ("        when: demo", 6, "stages.new.rules.first.when is no condition: write it like {types: demo}, not 'demo'"),
        ("        when: {}", 6, "stages.new.rules.first.when is no condition: it needs one of types, all, any, count, score, deal,"),
        ("        when: {where: {status: held}}", 6, "stages.new.rules.first.when has no 'types'"),
        (
            "        when: {types: demo, wher: {status: held}}",
            6,
            "stages.new.rules.first.when has an unknown key 'wher'; did you mean 'where'?",
        ),
        (
            "        when:\n          types: demo\n          score: {at_least: 5}",
            8,
            "stages.new.rules.first.when has an unknown key 'score'",
        ),
        (
            "        when:\n          all:\n            - types: demo\n            - deal: wonn",
            9,
            "can't be 'wonn': it is one of open, won,",
        ),
        ("        when: {score: {atleast: 5}}", 6, "when.score has an unknown key 'atleast'; did you mean 'at_least'?"),
        ("        when: {score: {at_least: many}}", 6, "when.score.at_least has to be a whole number, not 'many'"),
        ("        when: {types: []}", 6, "stages.new.rules.first.when.types is empty"),
        ("        when: {types: demo, where: {status: {eq: held}}}", 6, "when.where.status has an unknown key 'eq'; it can have at_least,"),
        (
            "        when: {types: demo, where: {status: [{a: 1}]}}",
            6,
            "when.where.status.0 is compared with a text, a number, true or false, or",
        ),
        ("        inactive: 30", 6, "first.inactive: a length of time is written as a number and one of s, m, h, d, w, such as 30m or 14d"),
        ("        inactive: 3 months", 6, "first.inactive: '3 months' is not a length of time"),
        ("        inactive: 0d", 6, "first.inactive has to be greater than 0"),
        ("        wehn: {types: demo}", 6, "stages.new.rules.first has an unknown key 'wehn'; did you mean 'when'?"),
        ("        when: [demo]", 6, "stages.new.rules.first.when is no condition: write it like {types: demo}, not a list"),
    ],
)
def test_one_mistake_is_told_once_in_plain_words(rule: str, line: int, message: str) -> None:
    told = refused(with_rule(rule))
    assert len(told) == 1, told
    assert told[0].startswith(f"b2b.yaml:{line}: ")
    assert message in told[0]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("name: small", "nam: small", "b2b.yaml:1: the definition has an unknown key 'nam'; did you mean 'name'?"),
        ("traffic: []", "traffic: 5", "b2b.yaml:8: traffic has to be a list, not 5"),
        ("traffic: []", "traffic:", "b2b.yaml:8: traffic has to be a list, not nothing"),
        ("traffic: []", "", "b2b.yaml:1: the definition has no 'traffic'"),
        ("name: small", "name: small\ncurrency: EURO", "b2b.yaml:2: currency has to have at most 3 characters, not 'EURO'"),
        (
            "name: small",
            "name: small\ncustomer: acount",
            "b2b.yaml:2: customer can't be 'acount': it is one of account, person; did you mean 'account'?",
        ),
        ("name: small", "name: small\nbots: 3", "b2b.yaml:2: bots has to be a mapping of keys to values, not 3"),
        (
            "name: small",
            "name: small\ncalendars: {x: {zone: UTC, hours: {mon: '09:00-17:00'}, holidays: [2026-13-01]}}",
            "b2b.yaml:2: calendars.x.holidays.0 has to be a date, written YYYY-MM-DD, not '2026-13-01'",
        ),
        (
            "name: small",
            "name: small\ncalendars: {x: {zone: UTC, hours: {mo: '09:00-17:00'}}}",
            "b2b.yaml:2: calendars.x.hours has an unknown key 'mo': it is one of mon, tue, wed, thu, fri, sat, sun; did you mean 'mon'?",
        ),
    ],
)
def test_a_wrong_shape_is_told_in_plain_words(before: str, after: str, told: str) -> None:
    assert refused(SMALL.replace(before, after)) == [told]


def test_a_key_that_is_given_twice_is_told_with_both_lines() -> None:
    assert refused(SMALL + "name: again\n") == ["b2b.yaml:15: 'name' is given twice, first in line 1"]


def test_a_definition_without_a_name_for_each_stage_says_which() -> None:
    assert refused(SMALL.replace("  - name: new\n    rules", "  - rules")) == ["b2b.yaml:3: stages.0 has no 'name'"]


def test_a_great_many_problems_are_cut() -> None:
    told = refused(SMALL.replace("[call]", "[" + ", ".join(f"x{number}" for number in range(PROBLEMS_TOLD_MAX + 5)) + "]"))
    assert len(told) == PROBLEMS_TOLD_MAX + 1
    assert told[-1] == "b2b.yaml: and 5 more"


# --- YAML


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "b2b.yaml:1: holds no definition: it starts with keys such as `name:` and `stages:`"),
        ("- a", "b2b.yaml:1: holds no definition"),
        ("name: x\nstages: [", "b2b.yaml:2: is not YAML: "),
        ("name: x\n\tstages: 5", "; indent with spaces, not with tabs"),
        ("name: 'x\n\n", "is not YAML: "),
        ("a: 1\n---\nb: 2", "b2b.yaml:2: is not YAML: "),
        ("name: *x", "b2b.yaml:1: is not YAML: found undefined alias"),
        ("a: \x00", "b2b.yaml:1: is not YAML: "),
        (
            SMALL.replace("small", "!!python/object/apply:os.system [ls]"),
            "b2b.yaml:1: a tag, tag:yaml.org,2002:python/object/apply:os.system, is not",
        ),
        (SMALL.replace("small", "!secret x"), "b2b.yaml:1: a tag, !secret, is not allowed in a definition; write plain values"),
        (SMALL + "? [a, b]\n: 5", "b2b.yaml:15: a key is a word, not a list or a mapping"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, told: str) -> None:
    lines = refused(text)
    assert len(lines) == 1, lines
    assert told in lines[0]


def test_words_that_older_yaml_takes_for_something_else_are_text() -> None:
    text = with_rule("        when: {types: lead_qualified, where: {need: [yes, no], owner: [on, 12:30]}}")
    assert parse_definition(f"%YAML 1.1\n---\n{text}", "x") == parse_definition(text, "x")
    when: Any = parse_definition(text, "x").stages[0].rules[0].when
    assert when.where["need"].is_ == ("yes", "no")
    assert when.where["owner"].is_ == ("on", "12:30")


def test_decimals_are_exact() -> None:
    definition = parse_definition(SMALL.replace("4h,", "4h, near: 0.1000000000000000055,"), "x")
    assert definition.handoff.near == Decimal("0.1000000000000000055")


def test_an_anchor_may_be_used_again() -> None:
    text = SMALL.replace("{types: lead_qualified}", "&q {types: lead_qualified}") + "key_events: [*q]\n"
    definition = parse_definition(text, "x")
    assert definition.key_events == (definition.lead.sql,)


# --- files


def test_a_file_is_named_in_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(with_rule("        when: {types: demoo}"))
    with pytest.raises(Refused, match=r"mine\.yaml:6: rule 'first'"):
        load_definition(path)
    path.write_text(SMALL)
    assert load_definition(path).name == "small"


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"nowhere\.yaml can't be read: No such file"):
        load_definition(tmp_path / "nowhere.yaml")
    with pytest.raises(Refused, match="can't be read: Is a directory"):
        load_definition(tmp_path)


# --- writing


def test_what_was_taken_in_is_read_again_though_it_says_in_full_what_was_said_in_short() -> None:
    lists = ", ".join(["*q"] * 50)
    short = SMALL.replace("{types: lead_qualified}", "&q {types: lead_qualified, where: {need: 'yes'}}") + f"key_events: [{lists}]\n"
    definition = parse_definition(short, "x", nodes_max=400)
    full = dump_definition(definition)
    with pytest.raises(Refused, match="longer than 400 values"):
        parse_definition(full, "x", nodes_max=400)
    assert kept_definition(full, "x").fingerprint == definition.fingerprint


def test_a_definition_written_out_has_the_same_fingerprint() -> None:
    written = dump_definition(default_definition())
    assert parse_definition(written, "x").fingerprint == default_definition().fingerprint
    assert "probability: 0.1" in written


@pytest.mark.parametrize(
    "value",
    [
        "0.5",
        Decimal("0.50"),
        Decimal("5"),
        Decimal("1E+2"),
        5,
        "5",
        True,
        "true",
        "yes",
        "null",
        "~",
        "2026-01-01",
        "1e3",
        "0x1F",
        " a: b #c",
        "",
        "é\u2028\x07",
    ],
)
def test_any_value_survives_being_written_out(value: Any) -> None:
    content = default_definition().model_dump(by_alias=True, exclude_defaults=True)
    content["key_events"] = [{"types": "custom", "where": {"properties.x": {"is": [value]}}}]
    definition = Definition.model_validate(content)
    assert parse_definition(dump_definition(definition), "x").fingerprint == definition.fingerprint


def test_whole_numbers_are_written_as_people_write_them() -> None:
    text = with_rule("        when: {types: call, where: {seconds: {at_least: 10}}}")
    assert "seconds: {at_least: 10}" in dump_definition(parse_definition(text, "x"))
