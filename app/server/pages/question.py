"""What a page asks of the figures: the words of its address, which are those of `journey report`."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.engine import asking
from app.engine.ports import Engine
from app.text.arguments import asked_until, currency_of, day_of, filters, names_of
from journey.instants import Instant
from projections.figures.figure import Model
from projections.figures.reports import Report

WHERE_MAX = 20
"""How many filters an address has at most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`texts` are as they stand in the address; what is empty is not asked for."""

    texts: dict[str, str]
    where: tuple[str, ...]
    from_on: date | None
    to_on: date | None
    until: Instant | date | None
    by: tuple[str, ...] | None
    currency: str | None
    filters: dict[str, tuple[str, ...]]

    @property
    def known_at(self) -> str | None:
        return self.texts.get("known_at")

    def address(self, **changes: str) -> str:
        """The same question with some words changed; "" leaves one out."""
        words = {**self.texts, **changes}
        return "?" + urlencode([(name, text) for name, text in words.items() if text] + [("where", text) for text in self.where])

    async def report(self, engine: Engine, model: Model, sections: tuple[str, ...] = (), by: tuple[str, ...] | None = None) -> Report:
        """Raises Refused where it can't be asked so."""
        grouping = self.by if by is None else by
        return await asking.report(
            engine, model, sections, by=grouping, where=self.filters, from_on=self.from_on, to_on=self.to_on, until=self.until,
            known_at=self.known_at, currency=self.currency, top=None if grouping is None else 0,
        )  # fmt: skip


def asked_in(words: QueryParams) -> Asked:
    """Raises Refused where a word can't be read."""
    texts: dict[str, Any] = {
        name: text.strip() for name in ("from", "to", "until", "known_at", "by", "currency") if (text := words.get(name, "")).strip()
    }
    where = tuple(text for text in words.getlist("where")[:WHERE_MAX] if text.strip())
    return Asked(
        texts,
        where,
        day_of("from", texts["from"]) if "from" in texts else None,
        day_of("to", texts["to"]) if "to" in texts else None,
        asked_until(texts["until"]) if "until" in texts else None,
        names_of(texts["by"]) if "by" in texts else None,
        currency_of(texts.get("currency")),
        filters(list(where)),
    )
