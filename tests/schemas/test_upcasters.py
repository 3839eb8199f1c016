"""What older senders still send is read as what it is today."""

import orjson
import pytest

from schemas.decode import Unreadable, decode
from schemas.upcasters import UPCASTERS, upcast, version_of
from tests.examples import example


def rating(**data):
    sent = example("survey_answered", **data)
    del sent["data"]["kind"]
    return {**sent, "type": "satisfaction_rated"}


def test_a_satisfaction_rating_is_a_survey_answer():
    answered = {**example("survey_answered", kind="csat"), "id": rating()["id"]}
    assert decode(orjson.dumps(rating())).touch == decode(orjson.dumps(answered)).touch


def test_it_is_stored_as_it_was_sent_and_read_the_same_again():
    decoded = decode(orjson.dumps(rating(score=4.5)))
    assert orjson.loads(decoded.body)["type"] == "satisfaction_rated"
    assert orjson.loads(decoded.body)["data"] == rating(score=4.5)["data"]
    assert decode(decoded.body) == decoded


def test_its_mistakes_are_told_like_those_of_an_answer():
    sent = rating()
    del sent["data"]["score"]
    with pytest.raises(Unreadable, match=r"data\.score"):
        decode(orjson.dumps(sent))


def test_a_schema_may_name_the_older_type():
    assert decode(orjson.dumps({**rating(), "dataschema": "urn:journey:satisfaction_rated:1"})).touch.data.kind == "csat"


def test_a_version_that_nobody_has_is_unreadable():
    with pytest.raises(Unreadable, match="satisfaction_rated has no version 2"):
        decode(orjson.dumps({**rating(), "dataschema": "urn:journey:satisfaction_rated:2"}))


def test_steps_follow_each_other_and_leave_what_they_were_given():
    steps = {
        ("visit", 1): lambda name, version, data: (name, 2, {"url": data["page"]}),
        ("visit", 2): lambda name, version, data: ("page_view", 1, {**data, "kind": "page"}),
    }
    sent = {"page": "/shoes"}
    assert upcast("visit", 1, sent, steps) == ("page_view", 1, {"url": "/shoes", "kind": "page"})
    assert sent == {"page": "/shoes"}
    assert version_of("visit", steps) == 3


def test_steps_in_a_circle_are_a_bug_and_stop():
    with pytest.raises(RuntimeError, match="do not end"):
        upcast("visit", 1, {}, {("visit", 1): lambda name, version, data: (name, version, data)})


@pytest.mark.parametrize("old", UPCASTERS)
def test_every_older_type_leads_to_one_of_today(old):
    name, version, _ = upcast(*old, {})
    assert version == version_of(name)
