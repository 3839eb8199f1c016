"""Pages from templates: what every page knows, and the headers that keep what senders choose harmless."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.server.access import Caller, Right
from app.server.pages import charts
from app.server.served import Served
from app.text import layout
from app.text.printing import readable_lines

HERE = Path(__file__).parent

STALE_SECONDS = 10
"""A page says so where the read models have been behind for so long."""

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing on a page comes from elsewhere, and no text of a sender runs."""

NAVIGATION = (
    ("/marketing", "Marketing", Right.read_marketing),
    ("/sales", "Sales", Right.read_sales),
    ("/subjects", "Customers", Right.read_people),
    ("/deals", "Deals", Right.read_sales),
    ("/leads", "Leads", Right.read_sales),
    ("/periods", "Periods", Right.read_catalogue),
    ("/dead-letters", "Dead letters", Right.operate),
    ("/imports", "Imports", Right.operate),
    ("/identity", "Identity", Right.operate),
    ("/names", "Names", Right.operate),
    ("/definition", "Definition", Right.audit),
    ("/audit", "Audit", Right.audit),
    ("/status", "Health", Right.audit),
)
"""The first that a role may open is where it begins."""


def as_written(text: str) -> Markup:
    """For a field that comes back as it stands: not spelled out as elsewhere. In JSON, what is not seen can be spelled so that it stays
    the same."""
    if not text.lstrip().startswith(("{", "[")):
        return escape(text)
    return escape("".join(one if one.isprintable() or one in "\n\r\t" else json.dumps(one)[1:-1] for one in text))


templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    # Control characters and marks that turn the direction of text are spelled out, here as in a terminal; lines stay lines.
    finalize=lambda value: readable_lines(value) if type(value) is str else value,
)
templates.filters.update(as_written=as_written, exact=Decimal)
templates.globals.update(layout=layout, charts=charts)


def page(request: Request, name: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    served: Served = request.app.state.served
    caller: Caller | None = getattr(request.state, "caller", None)
    text = templates.get_template(name).render(
        navigation=[(address, words) for address, words, right in NAVIGATION if caller is not None and caller.may(right)],
        caller=caller,
        path=request.url.path,
        position=getattr(request.state, "position", served.positions.position),
        simulated=caller is not None and served.is_simulated,
        behind=0 if caller is None or (seconds := int(served.staleness())) < STALE_SECONDS else seconds,
        is_part="hx-request" in request.headers,
        is_own_page=urlsplit(request.headers.get("hx-current-url", "")).path == request.url.path,
        status_code=status,
        **shown,
    )
    return HTMLResponse(text, status, SECURITY)
