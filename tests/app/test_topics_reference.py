"""What the relay tells is as the JSON Schemas of docs/topics say, and the AsyncAPI document names files that there are."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from app.engine.embedded import reading
from app.reference.topics import SCHEMAS, asyncapi
from journey.facts import KINDS, StageEntered
from streams.kafka import relay
from streams.transitions import net
from tests.app.command import ROOT


@pytest.fixture(scope="module")
def validators() -> dict[str, Any]:
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema())
    return {topic: jsonschema.Draft202012Validator(schema()) for topic, schema in SCHEMAS.items()}


async def test_what_is_told_of_simulated_touchpoints_is_as_the_schemas_say(filled: Path, validators: dict[str, Any]) -> None:
    told, transitions = set(), 0
    with reading(filled / "journey-data") as engine:
        async for change in engine.record.changes(0):
            for fact in change.facts:
                message = {"position": change.position, "rebuilt": change.rebuilt, "last": change.last, "facts": [relay._plain(fact)]}
                if fact[0] not in told:
                    validators["changes"].validate(orjson.loads(orjson.dumps(message)))
                told.add(fact[0])
            for one, count in net(change.facts, (StageEntered,)).items():
                assert isinstance(one, StageEntered)
                message = relay._told(change.position, count, one) | {"since": 1}
                validators["transitions"].validate(orjson.loads(orjson.dumps(message)))
                transitions += 1
    assert told <= KINDS.keys()
    assert len(told) > 20
    assert transitions > 100


@pytest.mark.parametrize("message", [{"position": 1, "rebuilt": False, "last": True, "facts": [["stage_entered", 0]]}, {"position": 1}])
def test_what_is_told_otherwise_is_not(message: dict[str, Any], validators: dict[str, Any]) -> None:
    assert not validators["changes"].is_valid(message)


def test_an_amount_that_a_reader_would_round_is_text(validators: dict[str, Any]) -> None:
    fact = ["ordered", 1, "user:7", "o-1", 0, "2026-03-01", "EUR", 2**60, []]
    message = {"position": 1, "rebuilt": False, "last": True, "facts": [relay._plain(fact)]}
    assert isinstance(message["facts"][0][-2], str)
    validators["changes"].validate(message)


def test_every_file_that_the_asyncapi_document_refers_to_is_there() -> None:
    document = json.loads(asyncapi())
    payloads = [message["payload"]["$ref"] for channel in document["channels"].values() for message in channel["messages"].values()]
    assert len(payloads) > len(SCHEMAS)
    assert all((ROOT / "docs" / file).exists() for file in payloads)
