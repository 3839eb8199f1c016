"""The schemas that senders get say what `decode` does."""

import json

import orjson
import pytest
from jsonschema import Draft202012Validator

from journey.touchpoints import TYPES
from schemas.decode import Unreadable, decode
from schemas.json_schema import FOLDER, path_of, schema_of, text_of
from tests.examples import EXAMPLES, example

ACCEPTED = [
    *EXAMPLES.values(),
    example("refund", amount=80.25),
    example("refund", amount=80),
    example("negotiation", amount="-0.50"),
    example("close", stated_at="2026-03-02T10:00:00+01:00"),
    example("deal_opened", stage=None, stage_outcome="lost"),
    example("page_view", unheard_of={"a": 1}, title=None),
    example("proposal_sent", version="final"),
    example("retracted") | {"subject": "company:self"},
    example("page_view") | {"dataschema": "urn:journey:page_view:1", "partitionkey": "user:7"},
    example("call", seconds=240) | {"datacontenttype": "application/json", "traceparent": "00-1-2-01"},
]

REFUSED = [
    example("page_view", url=7),
    example("page_view", bot="yes"),
    example("page_view") | {"subject": "deal:12"},
    example("page_view") | {"specversion": "0.3"},
    example("page_view") | {"id": ""},
    example("page_view") | {"dataschema": "urn:journey:page_view:2"},
    example("page_view") | {"data": []},
    example("fx_rate") | {"subject": "company:acme"},
    example("call", outcome="reached"),
    example("call", seconds="240"),
    example("refund", amount="80 EUR"),
    example("fx_rate", rate=0),
    example("deal_opened", probability=1.5),
    example("deal_opened", people=[{"role": "champion"}]),
]


def _validator(event):
    return Draft202012Validator(schema_of(event["type"]), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("type_name", TYPES)
def test_the_checked_in_schema_is_the_one_of_the_vocabulary(type_name):
    hint = "run: python -m schemas.json_schema --write"
    assert path_of(type_name).read_text(encoding="utf-8") == text_of(type_name), hint


def test_nothing_else_is_checked_in():
    assert set(FOLDER.iterdir()) == {path_of(type_name) for type_name in TYPES}


@pytest.mark.parametrize("type_name", TYPES)
def test_a_schema_is_a_schema(type_name):
    schema = json.loads(text_of(type_name))
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == type_name


@pytest.mark.parametrize("event", ACCEPTED, ids=lambda event: event["type"])
def test_what_is_decoded_fits_its_schema_and_so_does_its_body(event):
    body = decode(orjson.dumps(event)).body
    _validator(event).validate(event)
    _validator(event).validate(orjson.loads(body))


@pytest.mark.parametrize("event", REFUSED, ids=lambda event: event["type"])
def test_what_does_not_fit_its_schema_is_not_decoded_either(event):
    assert not _validator(event).is_valid(event)
    with pytest.raises(Unreadable):
        decode(orjson.dumps(event))
