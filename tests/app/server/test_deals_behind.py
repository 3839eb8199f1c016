"""A single deal's price is not to be read off a value of many orders either."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.server.deals_behind import counts_others
from app.server.roles import Role
from app.server.served import ServedFolder
from projections.figures.sections import SECTIONS
from tests.app.server.conftest import asked, published, routes
from tests.app.server.keys import add
from tests.streams.builders import at, deal_opened, sent

OF_MARKETING = {figure.name: figure for one in SECTIONS if one.model == "marketing" for figure in one.figures}
MIXED = [name for name, figure in OF_MARKETING.items() if counts_others(figure)]


def orders(number: int) -> Iterator[bytes]:
    for nth in range(1, number + 1):
        yield sent("ad_click", f"user:{nth}", at(0), id=f"click-{nth}", campaign="spring")
        yield sent("order_placed", f"user:{nth}", at(1), id=f"order-{nth}", order=f"o{nth}", amount="10.00", currency="EUR")


SPENT = sent(
    "spend_recorded", "campaign:spring", at(0), amount="100.00", currency="EUR", function="marketing", kind="media",
    period_start="2026-03-01", period_end="2026-03-01", stated_at="2026-03-01T00:00:00Z",
)  # fmt: skip


def deals(first: int, number: int) -> Iterator[bytes]:
    for nth in range(first, first + number):
        yield sent("ad_click", f"user:d{nth}", at(0), id=f"click-d{nth}", campaign="spring")
        yield deal_opened(f"d{nth}", at(1), f"user:d{nth}")
        yield sent("close", f"deal:d{nth}", at(2), id=f"close-{nth}", outcome="won", amount="777.00", currency="EUR")


async def values(client: httpx.AsyncClient, figure: str, **more: str) -> list[Any]:
    answer = await client.get(f"/api/v1/marketing/figures/{figure}", params=more)
    assert answer.status_code == 200
    (told,) = answer.json()["figures"]
    return [cell["value"] for cell in told["cells"] if cell["n"] not in (0, "0")]


@pytest.mark.parametrize("figure", MIXED)
async def test_few_deals_among_many_orders_are_withheld_from_marketing_until_they_are_enough(folder: ServedFolder, figure: str) -> None:
    key = await add(folder, "max", Role.marketing)
    async with asked(folder, routes(None)) as marketing:
        marketing.headers["Authorization"] = f"Bearer {key}"
        await published(folder, SPENT, *orders(30))
        assert all(await values(marketing, figure)), "of orders alone there are enough"
        await published(folder, *deals(1, 4))
        for by in ("", "channel", "month"):
            assert not any(await values(marketing, figure, by=by)), "four deals among thirty orders"
            page = await marketing.get(f"/marketing/figures/{figure}")
            assert "3,108" not in page.text
        await published(folder, *deals(5, 1))
        assert all(await values(marketing, figure))
