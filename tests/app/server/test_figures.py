"""Figures over HTTP: routes and schemas are made from what figures say of themselves, and answer as `journey report` does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.server import reading
from app.server.served import ServedFolder
from projections.figures import deals, sections
from projections.figures.catalogue import entries
from projections.figures.figure import Figure
from projections.figures.measures import count
from tests.app.command import here
from tests.app.server.conftest import asked, before_all

UNTIL = "2026-06-30"


@pytest.mark.parametrize("model", ["marketing", "sales"])
async def test_a_report_is_the_one_that_the_command_prints(reader: httpx.AsyncClient, desk: Path, model: str) -> None:
    printed = here("report", model, "--until", UNTIL, "--json", cwd=desk)
    answer = await reader.get(f"/api/v1/{model}", params={"until": UNTIL})
    assert answer.json() == printed.json


async def test_a_section_takes_the_options_that_the_command_takes(reader: httpx.AsyncClient, desk: Path) -> None:
    asked = {"by": ["owner", "month"], "from": "2025-01-01", "to": "2026-12-01", "currency": "EUR", "until": UNTIL, "known_at": "2"}
    options = [f"--{name.replace('_', '-')}={','.join(value) if isinstance(value, list) else value}" for name, value in asked.items()]
    answer = await reader.get("/api/v1/sales/decided", params=asked)
    assert answer.json() == here("report", "sales", "decided", *options, "--json", cwd=desk).json
    assert answer.json()["sections"][0]["answers"][0]["figures"][0]["cells"], "there is something to compare"


async def test_csv_is_what_the_command_prints(reader: httpx.AsyncClient, desk: Path) -> None:
    answer = await reader.get("/api/v1/sales/decided", params={"until": UNTIL}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == here("report", "sales", "decided", "--until", UNTIL, "--csv", cwd=desk).out


FUNNEL = {"funnel": "created,mql", "within": "30d", "order": "strict_steps"}


async def test_a_funnel_is_asked_as_on_the_command_line(reader: httpx.AsyncClient, desk: Path) -> None:
    options = ["created,mql", "--within", "30d", "--order", "strict_steps", "--until", UNTIL]
    answer = await reader.get("/api/v1/marketing/funnel", params={**FUNNEL, "until": UNTIL})
    assert answer.json() == here("funnel", *options, "--json", cwd=desk).json
    as_csv = await reader.get("/api/v1/marketing/funnel", params={**FUNNEL, "until": UNTIL}, headers={"Accept": "text/csv"})
    assert as_csv.text == here("funnel", *options, "--csv", cwd=desk).out
    assert "created, mql" in as_csv.text


async def test_behind_a_step_of_a_funnel_is_what_the_command_prints(reader: httpx.AsyncClient, desk: Path) -> None:
    asked = {**FUNNEL, "until": UNTIL, "by": "step", "where": "step=2 mql"}
    options = [f"--{name}={value}" for name, value in asked.items()]
    answer = await reader.get("/api/v1/marketing/figures/funnel_people/why", params=asked)
    assert answer.json() == here("why", "funnel_people", *options, "--json", cwd=desk).json
    assert answer.json()["units"]


@pytest.mark.parametrize(
    ("path", "asked", "status", "detail"),
    [
        ("funnel", {"funnel": "sails"}, 400, "there is no funnel 'sails'"),
        ("funnel", {"funnel": "created,nothing"}, 400, "which is no milestone, conversion, stage or step of leads"),
        ("funnel", {"funnel": "created,mql", "order": "first"}, 400, "none of ordered, strict_steps, strict, any"),
        ("figures/funnel_people", {"funnel": "created,mql", "within": "soon"}, 400, "'soon' is not a length of time"),
        ("figures/funnel_people/why", {"within": "3d"}, 400, "are of one funnel"),
        ("audience", {"funnel": "created,mql"}, 422, ""),
    ],
)
async def test_a_funnel_that_there_is_not_is_a_problem(
    reader: httpx.AsyncClient, path: str, asked: dict[str, str], status: int, detail: str
) -> None:
    answer = await reader.get(f"/api/v1/marketing/{path}", params=asked)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


async def test_why_is_what_the_command_prints_page_by_page(reader: httpx.AsyncClient, desk: Path) -> None:
    first = await reader.get("/api/v1/sales/figures/deals_lost/why", params={"limit": 2, "until": UNTIL})
    assert first.json() == here("why", "deals_lost", "--limit", "2", "--until", UNTIL, "--json", cwd=desk).json
    second = await reader.get(first.links["next"]["url"])
    told = [one["unit"]["deal"] for page in (first, second) for one in page.json()["units"]]
    assert told == sorted(set(told))


async def test_what_changed_between_two_positions_is_what_the_command_prints(reader: httpx.AsyncClient, desk: Path) -> None:
    asked = {"from_position": "1", "to_position": "2", "until": UNTIL, "section": "decided"}
    printed = here("report", "sales", "decided", "--between", "1", "2", "--until", UNTIL, "--json", cwd=desk)
    assert (await reader.get("/api/v1/sales/between", params=asked)).json() == printed.json


async def test_the_catalogue_is_what_the_command_prints(reader: httpx.AsyncClient, desk: Path) -> None:
    assert (await reader.get("/api/v1/figures")).json() == here("figures", "--json", cwd=desk).json


async def test_digests_are_those_that_the_command_prints(reader: httpx.AsyncClient, desk: Path) -> None:
    assert (await reader.get("/api/v1/digest")).json() == here("digest", "--json", cwd=desk).json


def test_every_route_needs_exactly_one_right() -> None:
    rights = {route.path: [one for one in route.dependencies if hasattr(one.dependency, "right")] for route in _every(reading.routes())}
    assert len(rights) > 100
    assert [path for path, found in rights.items() if len(found) != 1] == []


def _every(router: Any) -> Iterator[Any]:
    """The routes of a router, and of those that it includes."""
    for route in router.routes:
        yield from _every(route.original_router) if hasattr(route, "original_router") else (route,)


async def test_a_closed_period_is_told_beside_what_is_known_now(desk: Path) -> None:
    assert here("period", "close", "2026-01", "--reason", "the month is told", cwd=desk).status == 0
    printed = here("report", "sales", "--period", "2026-01", "--json", cwd=desk).json
    listed = here("period", "list", "--json", cwd=desk).json
    served = ServedFolder(desk / "journey-data", print, clock=before_all)
    await served.start()
    try:
        async with asked(served) as reader:
            assert (await reader.get("/api/v1/sales/periods/2026-01")).json() == printed
            assert (await reader.get("/api/v1/periods")).json() == listed
            not_closed = await reader.get("/api/v1/sales/periods/2026-02")
            assert (not_closed.status_code, not_closed.json()["detail"][:21]) == (404, "2026-02 is not closed")
    finally:
        await served.stop()


async def test_every_figure_has_a_route_that_says_what_it_is(reader: httpx.AsyncClient) -> None:
    paths = (await reader.get("/api/v1/openapi.json")).json()["paths"]
    for entry in entries():
        route = paths[f"/api/v1/{entry.model}/figures/{entry.name}"]["get"]
        assert all(said in route["description"] for said in (entry.says, entry.formula, entry.unit))
        (by,) = (one for one in route["parameters"] if one["name"] == "by")
        assert by["schema"]["items"]["enum"] == [*entry.dimensions, *entry.periods]
        assert f"/api/v1/{entry.model}/figures/{entry.name}/why" in paths
        assert f"/api/v1/{entry.model}/{entry.section}" in paths


async def test_a_figure_that_is_added_is_everywhere_without_another_line(shop: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    added = Figure(
        name="deals_of_anna",
        says="Deals that anna closed.",
        formula="number of deals",
        unit="deals",
        source="docs/deals.md",
        of=deals.deals_at,
        dated="closed",
        by=deals.WHOSE,
        measure=count("v.outcome <> 'open'"),
        reads=("close.outcome",),
    )
    _add(monkeypatch, "decided", added)
    async with asked(shop) as reader:
        paths = (await reader.get("/api/v1/openapi.json")).json()["paths"]
        assert "Deals that anna closed." in paths["/api/v1/sales/figures/deals_of_anna"]["get"]["description"]
        alone = (await reader.get("/api/v1/sales/figures/deals_of_anna", params={"until": UNTIL})).json()
        section = (await reader.get("/api/v1/sales/decided", params={"until": UNTIL})).json()
        counted = [one for one in section["sections"][0]["answers"][0]["figures"] if one["name"] == "deals_of_anna"]
        assert alone["figures"] == counted
        assert counted[0]["cells"][0]["value"] > 0
        behind = await reader.get("/api/v1/sales/figures/deals_of_anna/why", params={"until": UNTIL})
        assert behind.json()["units_count"] == counted[0]["cells"][0]["value"]
        assert "deals_of_anna" in [one["name"] for one in (await reader.get("/api/v1/figures")).json()["figures"]]
        reader.headers["Accept"] = "text/html"
        for page in ("/sales/figures/deals_of_anna", "/sales/figures/deals_of_anna/why", "/sales"):
            shown = await reader.get(page, params={"until": UNTIL})
            assert (shown.status_code, "deals of anna" in shown.text or "deals_of_anna" in shown.text) == (200, True), page


def _add(monkeypatch: pytest.MonkeyPatch, name: str, figure: Figure) -> None:
    """As if the figure stood in the tuple of its section."""
    more = tuple(one._replace(figures=(*one.figures, figure)) if one.name == name else one for one in sections.SECTIONS)
    monkeypatch.setattr(sections, "SECTIONS", more)


# --- what can't be asked


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/api/v1/sale", 404, "there is nothing at /api/v1/sale; did you mean '/api/v1/sales'?"),
        ("/api/v1/sales/figures/win_rat", 404, "there is no figure 'win_rat'; did you mean 'win_rate'?"),
        ("/api/v1/sales/figures/win_rat/why", 404, "there is no figure 'win_rat'; did you mean 'win_rate'?"),
        ("/api/v1/marketing/figures/win_rate", 404, "figure 'win_rate' is not of marketing"),
        ("/api/v1/sales/led", 404, "sales has no section 'led'; did you mean 'leads'? There are"),
        ("/api/v1/sales/figures/win_rate?by=ownr", 400, "win_rate has no dimension 'ownr'; did you mean 'owner'? It has owner"),
        ("/api/v1/sales/figures/win_rate?where=ownr=x", 400, "win_rate has no dimension 'ownr'; did you mean 'owner'? It has owner"),
        ("/api/v1/marketing/visits?where=channel=Pad%20Search", 400, "there is no channel 'Pad Search'; did you mean 'Paid Search'?"),
        ("/api/v1/sales?where=owner", 400, "where 'owner' is no filter; write it as owner=anna"),
        ("/api/v1/sales?until=9999-99-99", 400, "until '9999-99-99' is no time"),
        ("/api/v1/sales?until=9998-12-31", 400, "until '9998-12-31' is more than 10 years ahead"),
        ("/api/v1/sales/between?from_position=1&to_position=2&section=led", 400, "sales has no section 'led'; did you mean 'leads'?"),
        ("/api/v1/sales?from=yesterday", 400, "from 'yesterday' is no day"),
        ("/api/v1/sales?known_at=99999999999999999999999999", 400, "position 99999999999999999999999999 is not there yet"),
        ("/api/v1/sales?currency=EUX", 400, "currency 'EUX' is no currency; did you mean"),
        ("/api/v1/sales/periods/2026-13", 400, "'2026-13' is no period"),
        ("/api/v1/sales/figures/win_rate/why?after=%F0%9F%98%80", 400, "after '😀' is no cursor of this question"),
        ("/api/v1/sales/between?from_position=2&to_position=1", 400, "position 2 is after 1"),
        ("/api/v1/sales/between?from_position=2", 422, "query.to_position: Field required"),
        (
            "/api/v1/sales?wherre=owner=x",
            422,
            "query.wherre: there is no such parameter; did you mean 'where'? a filter is written where=owner=anna",
        ),
        ("/api/v1/sales?owner=anna", 422, "query.owner: there is no such parameter; write where=owner=… for a filter, by=owner to"),
        ("/api/v1/sales/figures/win_rate?xyz=1", 422, "query.xyz: there is no such parameter; a filter is written where=owner=anna"),
        ("/api/v1/people?serch=anna", 422, "query.serch: there is no such parameter; did you mean 'search'?"),
        ("/api/v1/sales/figures/win_rate/why?limit=501", 422, "query.limit: Input should be less than or equal to 500"),
        ("/api/v1/sales?top=99999999999999999999999999", 422, "query.top: Input should be less than or equal to"),
        ("/api/v1/sales?wait=inf", 422, "query.wait"),
        ("/api/v1/sales?known_at=" + "0" * 5_000, 422, "query.known_at: String should have at most 64 characters"),
        ("/api/v1/sales?" + "where=o=x&" * 6_000, 422, "query.where: List should have at most 100 items"),
        ("/api/v1/sales?where=owner=%00", 400, "what is asked has a NUL character in it"),
        ("/api/v1/sales/%00", 400, "what is asked has a NUL character in it"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem_document(reader: httpx.AsyncClient, path: str, status: int, detail: str) -> None:
    answer = await reader.get(path)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert told["status"] == status
    assert told["detail"].startswith(detail), told["detail"]


async def test_nobody_is_answered_in_a_form_that_they_do_not_take(reader: httpx.AsyncClient) -> None:
    asked = {"Accept": "application/xml, text/csv;q=0"}
    refused = await reader.get("/api/v1/sales/decided", headers=asked)
    assert (refused.status_code, refused.json()["detail"]) == (406, "this is answered as application/json or text/csv only")
    assert (await reader.get("/api/v1/figures", headers={"Accept": "text/csv"})).status_code == 406
    best = await reader.get("/api/v1/sales/decided", headers={"Accept": "application/json;q=0.5, text/*"})
    assert best.headers["content-type"].startswith("text/csv")
