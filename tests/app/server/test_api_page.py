"""Every example of docs/api.md does what it says there."""

import re
import shlex

import httpx
import pytest

from tests.app.command import ROOT

LINES = re.findall(r"^curl .*$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
REFUSED = {"/api/v1/sales/figures/win_rat": 404}


@pytest.mark.parametrize("line", [line for line in LINES if "/stream" not in line])
async def test_an_example_is_answered(reader: httpx.AsyncClient, line: str) -> None:
    options = shlex.split(line, comments=True)[1:]
    headers = dict(options[place + 1].split(": ", 1) for place, option in enumerate(options) if option == "-H")
    url = httpx.URL(options[-1])
    answer = await reader.get(url.raw_path.decode(), headers=headers)
    assert answer.status_code == REFUSED.get(url.path, 200), answer.text
