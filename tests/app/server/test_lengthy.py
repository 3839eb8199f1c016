"""What takes minutes is worked out once, and within bounds."""

import asyncio

import httpx
import pytest

from app.server.pages import lengthy
from app.server.pages.lengthy import Lengthy
from app.server.problems import HttpProblem
from app.server.served import ServedFolder
from journey.errors import Refused
from tests.app.server.conftest import published
from tests.streams.builders import at, sent


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengthy, "LOOK_SECONDS", 0)
    monkeypatch.setattr(lengthy, "AGAIN_SECONDS", 0)


class Question:
    """Is answered when it is let go."""

    def __init__(self) -> None:
        self.asked, self.free = 0, asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        await self.free.wait()
        return 42


async def test_whoever_comes_back_is_given_the_one_answer() -> None:
    there, question = Lengthy(), Question()
    for _ in range(3):
        assert (await there.look("a", question)).ended_at is None
    question.free.set()
    await asyncio.sleep(0)
    found = [await there.look("a", question) for _ in range(3)]
    while found[0].ended_at is None:
        found = [await there.look("a", question)]
    assert (found[0].task.result(), question.asked) == (42, 1)
    there.forget("a")
    await there.look("a", question)
    await asyncio.sleep(0)
    assert question.asked == 2


async def test_only_so_many_are_under_way() -> None:
    there, question = Lengthy(), Question()
    for what in range(lengthy.UNDER_WAY_MAX):
        await there.look(what, question)
    with pytest.raises(HttpProblem) as too_many:
        await there.look("one more", question)
    assert too_many.value.status == 429
    question.free.set()


async def test_a_question_of_a_page_is_ended_after_its_time(
    client: httpx.AsyncClient, folder: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengthy, "LOOK_SECONDS", 30)
    monkeypatch.setattr(lengthy, "PAGE_SECONDS_MAX", 0)
    await published(folder, sent("demo", "user:1", at(1)))
    for page in ("/sales/figures/won_value/changed?since=1", "/identity/suspects", "/identity/held"):
        answer = await client.get(page)
        assert (answer.status_code, "takes longer than 0 seconds" in answer.text) == (422, True), page


async def test_a_refusal_is_told_and_the_next_one_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengthy, "LOOK_SECONDS", 30)
    there, asked = Lengthy(), []

    async def refused() -> None:
        asked.append(1)
        raise Refused("not so")

    for _ in range(2):
        with pytest.raises(Refused):
            await there.look("a", refused)
    assert len(asked) == 2
