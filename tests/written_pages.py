"""Pages of docs/ whose commands run one after the other, and print what the page says."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.app.command import ROOT
from tests.test_readme import MARKED, shell, told

PAGES = (ROOT / "docs" / "first-hour.md", ROOT / "docs" / "marketing.md")


def at_desk(folder: Path) -> Path:
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def check(page: Path, desk: Path) -> None:
    printed = ""
    for block in MARKED.finditer(page.read_text(encoding="utf-8")):
        if block["what"] == "run":
            printed = shell(block["text"], desk)
        else:
            assert block["what"] == "prints"
            assert plain(printed) == plain(block["text"])


def plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in told(text).splitlines())


def write(page: Path) -> None:
    """What the commands print now, into the page."""
    printed = ""

    def block(found: Any) -> str:
        nonlocal printed
        if found["what"] == "run":
            printed = shell(found["text"], desk)
            return str(found[0])
        now = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
        return f"<!-- prints -->\n```text\n{now}\n```"

    with tempfile.TemporaryDirectory() as folder:
        desk = at_desk(Path(folder))
        page.write_text(MARKED.sub(block, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or [page.name for page in PAGES]:
        write(ROOT / "docs" / name)
