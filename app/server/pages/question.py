"""What a page asks of the figures: the words of its address, which are the parameters of the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from app.server.asked import AsOf, OfFigures

Q = TypeVar("Q", bound=AsOf)

WORDS = ("from", "to", "until", "known_at", "by", "currency")


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """`texts` are as they stand in the address; what is empty is not asked for."""

    texts: dict[str, str]
    where: Sequence[str]
    asked: OfFigures

    @property
    def by(self) -> tuple[str, ...] | None:
        return self.asked.grouping

    def address(self, **changes: str) -> str:
        """The same question with some words changed; "" leaves one out."""
        words = {**self.texts, **changes}
        return "?" + urlencode([(name, text) for name, text in words.items() if text] + [("where", text) for text in self.where])


def asked_in(words: QueryParams) -> PageQuestion:
    """Raises RequestValidationError where a word can't be read."""
    texts = {name: text for name in WORDS if (text := words.get(name, "").strip())}
    where = [text for text in words.getlist("where") if text.strip()]
    said: dict[str, Any] = {**texts, "where": where, **({"by": [texts["by"]]} if "by" in texts else {})}
    return PageQuestion(texts, where, _read(OfFigures, said))


def words_of(kind: type[Q], words: QueryParams) -> Q:
    """What is asked of a list, by the words of an address; what is empty is not asked for. Raises RequestValidationError."""
    return _read(kind, {name: text.strip() for name, text in words.items() if text.strip()})


def as_of(until: str, known_at: str) -> AsOf:
    """Raises RequestValidationError where a word can't be read."""
    return _read(AsOf, {"until": until, "known_at": known_at})


def _read(kind: type[Q], said: dict[str, Any]) -> Q:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in error.errors(include_url=False)]) from None
