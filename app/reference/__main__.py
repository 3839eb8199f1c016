"""`python -m app.reference` (`make reference`) writes the pages of docs/ that are made from the code."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.reference.definition import definition
from app.reference.facts import facts_page
from app.reference.figures import figures_page
from app.reference.topics import SCHEMAS, asyncapi, schema_page
from app.reference.vocabulary import vocabulary

PAGES: dict[str, Callable[[], str]] = {
    "vocabulary.md": vocabulary,
    "definition.md": definition,
    "facts.md": facts_page,
    "figures.md": figures_page,
    "asyncapi.json": asyncapi,
    **{f"topics/{topic}.json": partial(schema_page, topic) for topic in SCHEMAS},
}
FOLDER = Path("docs")

if __name__ == "__main__":
    for name, text in PAGES.items():
        (FOLDER / name).write_text(text(), encoding="utf-8")
