"""Segments over HTTP: who is in one, as the command prints it, to whom it is shown; and what moves them, told as it is committed."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.engine.ports import no_progress
from app.server.live import Place
from app.server.roles import Role
from app.server.served import ServedFolder
from journey.instants import DAY, iso
from schemas.definition_files import default_definition, dump_definition
from streams.remarks import nobody
from tests.app.command import here
from tests.app.server.conftest import before_all, published
from tests.app.server.keys import add
from tests.app.server.test_live import _so_far
from tests.streams.builders import SEGMENTS, at, sent

BY = default_definition().model_copy(update={"segments": SEGMENTS})
READ = [sent("content_view", person, at(day)) for person in ("user:1", "user:2", "user:anna@example.com") for day in (1, 2)]


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[ServedFolder]:
    """Of a definition that has segments."""
    (tmp_path / "ours.yaml").write_text(dump_definition(BY))
    assert here("definition", "use", "ours.yaml", "--reason", "segments", cwd=tmp_path).status == 0
    served = ServedFolder(tmp_path / "journey-data", nobody, clock=before_all)
    await served.start()
    yield served
    await served.stop()


async def test_members_are_listed_page_by_page_with_their_reasons(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, *READ)
    found = (await client.get("/api/v1/segments/readers", params={"until": iso(at(3)), "limit": 2})).json()
    assert [one["person"] for one in found["items"]] == ["user:1", "user:2"]
    assert found["items"][0] == {
        "person": "user:1",
        "since": iso(at(2)),
        "by_time": False,
        "because": [{"source": "urn:test", "id": f"content_view-{at(day)}", "subject": "user:1"} for day in (1, 2)],
    }
    rest = (await client.get(found["next"])).json()
    assert ([one["person"] for one in rest["items"]], rest["next"]) == (["user:anna@example.com"], None)
    assert (await client.get("/api/v1/segments/readers", params={"until": iso(at(60))})).json()["items"] == []
    as_csv = await client.get("/api/v1/segments/readers", params={"until": iso(at(3))}, headers={"Accept": "text/csv"})
    assert len(as_csv.text.splitlines()) == 1 + 3


async def test_a_person_is_explained_with_segments_over_http_and_on_the_page(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, *READ)
    told = (await client.get("/api/v1/people/user:1/explain", params={"until": iso(at(3))})).json()["segments"]
    assert [(one["segment"], one["since"]) for one in told if one["moves"]] == [("readers", iso(at(2)))]
    page = (await client.get("/subjects/user:1", params={"until": iso(at(3))})).text
    assert f"in since <time>{iso(at(2))[:19].replace('T', ' ')}</time>" in page


async def test_a_segment_that_there_is_not_is_a_problem(client: httpx.AsyncClient) -> None:
    told = await client.get("/api/v1/segments/reader")
    assert (told.status_code, "did you mean 'readers'?" in told.text) == (404, True)
    assert (await client.get("/api/v1/segments/readers", params={"after": "x"})).status_code == 400


async def test_who_is_not_shown_ids_sees_no_address_and_the_first_page_only(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, *READ)
    key = {"Authorization": f"Bearer {await add(folder, 'm', Role.marketing)}"}
    told = await client.get("/api/v1/segments/readers", params={"until": iso(at(3)), "limit": 2}, headers=key)
    assert (len(told.json()["items"]), told.json()["next"]) == (2, None)
    whole = await client.get("/api/v1/segments/readers", params={"until": iso(at(3))}, headers=key)
    assert len(whole.json()["items"]) == 3
    assert "anna@" not in whole.text


async def test_a_segment_that_only_time_ends_is_told_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.served.SCHEDULE_SECONDS", 0.001)
    clock = [at(2)]
    folder = ServedFolder(tmp_path / "journey-data", nobody, clock=lambda: clock[0])
    await folder.start()
    try:
        anew = await folder.change(lambda engine: engine.derive(BY, [], no_progress))
        assert await folder.positions.wait(anew, 60)
        position = await published(folder, *READ[:2])
        moved = [event["data"] for event in await _so_far(folder, Place(position - 1)) if event["data"]["what"] == "segment"]
        assert [(one["person"], one["rule"], one["entered"], one["count"]) for one in moved] == [("user:1", "readers", "entered", 1)]
        clock[0] = at(1) + 20 * DAY
        assert await folder.positions.wait(position + 1, 60)
        (left,) = [event["data"] for event in await _so_far(folder, Place(position))]
        assert (left["what"], left["rule"], left["entered"], left["at"]) == ("segment", "readers", "left", iso(clock[0]))
    finally:
        await folder.stop()
