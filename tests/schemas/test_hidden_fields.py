"""A type whose own field has the name of one that any touchpoint may say: a sender says both, in every format that is read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from journey.channels import excluded
from journey.outside_names import OutsideName
from schemas.csv_map import load_map
from schemas.decode import decode
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from schemas.outside_calls import CallReading
from schemas.posthog import read_posthog
from schemas.segment import read_segment
from tests.examples import example
from tests.schemas.lines import of_lines

MAP = """\
touchpoints:
  - type: social_engagement
    subject: "user:{Who}"
    time: When
    data: {network: "{Network}", action: like, about_network: "{Sent from}"}
"""
ROW = "Who,When,Network,Sent from\n7,2026-03-01T10:00:00Z,linkedin,internal\n"
LIKED = OutsideName(type="social_engagement", fields={"network": "net", "about_network": "from"}, constants={"action": "like"})
SAID = {"net": "linkedin", "from": "internal"}
TRACK = {"type": "track", "event": "Liked", "messageId": "m", "userId": "7", "timestamp": "2026-03-01T10:00:00Z", "properties": SAID}
CAPTURE = {"event": "Liked", "uuid": "m", "distinct_id": "7", "timestamp": "2026-03-01T10:00:00Z", "properties": SAID}


def of_csv(folder: Path) -> Iterator[Incoming]:
    (folder / "map.yaml").write_text(MAP)
    (folder / "likes.csv").write_text(ROW)
    return iter(load_map(folder / "map.yaml").read([folder / "likes.csv"]))


def of_segment(_: Path) -> Iterator[Incoming]:
    return iter(read_segment(of_lines(orjson.dumps(TRACK)), CallReading({"Liked": LIKED})))


def of_posthog(_: Path) -> Iterator[Incoming]:
    return iter(read_posthog(of_lines(orjson.dumps(CAPTURE)), CallReading({"Liked": LIKED})))


def of_cloudevents(_: Path) -> Iterator[Incoming]:
    sent = orjson.dumps(example("social_engagement", network="linkedin", about_network="internal"))
    yield Incoming(sent, "/social", "likes.jsonl:1", sent)


@pytest.mark.parametrize("read", [of_cloudevents, of_csv, of_segment, of_posthog])
def test_an_engagement_says_its_social_network_and_where_it_was_sent_from(
    read: Callable[[Path], Iterator[Incoming]], tmp_path: Path
) -> None:
    bodies = [orjson.loads(one.body) for one in read(tmp_path) if one.body]
    (touch,) = [decode(orjson.dumps(one)).touch for one in bodies if one["type"] == "social_engagement"]
    assert (touch.data.network, touch.about.network) == ("linkedin", "internal")
    assert excluded(default_definition(), touch.about)
