"""Questions that take long hold up nobody, and end where nobody waits for them."""

import asyncio
import threading

import httpx
import pytest
from fastapi import Request

from app.engine.ports import Engine
from app.server import long_questions
from app.server.long_questions import UNDER_WAY_MAX, unless_gone
from app.server.problems import HttpProblem
from app.server.served import READERS_MAX, ServedFolder
from tests.app.server.conftest import published
from tests.streams.builders import at, sent

BETWEEN = "/api/v1/sales/between?from_position=1&to_position=2"


class Endless:
    """A question without an end."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Semaphore(0), threading.Semaphore(0)

    async def run(self, _: Engine) -> None:
        self.begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.release()


async def test_others_are_read_while_as_many_as_may_take_long(folder: ServedFolder, client: httpx.AsyncClient) -> None:
    await published(folder, sent("demo", "user:1", at(1)))
    endless = Endless()
    asked = [asyncio.create_task(folder.read_at_length(endless.run, 60)) for _ in range(UNDER_WAY_MAX)]
    for _ in asked:
        await asyncio.to_thread(endless.begun.acquire)
    answers = await asyncio.gather(*(client.get("/api/v1/sales") for _ in range(2 * READERS_MAX)))
    assert {answer.status_code for answer in answers} == {200}
    too_many = await client.get(BETWEEN)
    assert (too_many.status_code, too_many.headers["retry-after"]) == (503, "5")
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    for _ in asked:
        await asyncio.to_thread(endless.ended.acquire)
    while (answer := await client.get(BETWEEN)).status_code == 503:
        assert answer.headers["retry-after"], "its place is free as soon as its thread is"
    assert answer.status_code == 200


async def test_what_takes_too_long_is_refused_and_how_to_narrow_it_is_said(
    folder: ServedFolder, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(folder, sent("demo", "user:1", at(1)))
    monkeypatch.setattr(long_questions, "ANSWER_SECONDS_MAX", 0)
    answer = await client.get(BETWEEN)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "narrow it" in answer.json()["detail"]


async def test_where_the_client_goes_away_its_question_ends(folder: ServedFolder) -> None:
    endless = Endless()
    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, str]:
        if len(messages) == 1:
            await asyncio.to_thread(endless.begun.acquire)
        return messages.pop(0)

    with pytest.raises(HttpProblem):
        await unless_gone(Request({"type": "http"}, receive), folder.read_at_length(endless.run, 60))
    await asyncio.to_thread(endless.ended.acquire)
