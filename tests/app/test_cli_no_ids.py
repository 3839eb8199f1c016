"""Ids that are no ids, ids written in two ways, and ids that a spreadsheet has rounded: through the command."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.decode import decode
from schemas.no_ids import check_ids
from tests.app.command import here, touch

TIME = "2026-03-0{}T09:0{}:00Z"
MAP = """
name: emails
zone: UTC
files:
  signups:
    match: "signups*.csv"
    touchpoints:
      - type: signed_up
        id: "{Email}-signup"
        subject: "user:{Email | trim | lower}"
        time: {from: Signed up, format: "%Y-%m-%d %H:%M"}
  roles:
    match: "roles*.csv"
    touchpoints:
      - type: deal_updated
        id: "{Deal ID}"
        subject: "deal:{Deal ID | salesforce_id}"
        time: {from: Created, format: "%Y-%m-%d %H:%M"}
        data:
          deal: "{Deal ID | salesforce_id}"
          people: [{person: "user:{Contact email|lower}"}]
"""


def calls(*said: dict[str, Any]) -> bytes:
    return b"\n".join(map(orjson.dumps, said))


def visitor(number: int) -> list[dict[str, Any]]:
    anonymous = f"a-{number}"
    return [
        {"type": "page", "messageId": f"p-{number}", "anonymousId": anonymous, "timestamp": TIME.format(number, 0),
         "properties": {"url": "https://shop.example/"}},
        {"type": "identify", "messageId": f"i-{number}", "anonymousId": anonymous, "userId": "Undefined ",
         "timestamp": TIME.format(number, 5), "traits": {"plan": "free"}},
    ]  # fmt: skip


def test_three_visitors_whose_user_is_undefined_stay_three_people_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes(calls(*visitor(1), *visitor(2), *visitor(3)))
    told = here("ingest", "calls.jsonl", "--format", "segment", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["no_ids"], told["dead_letters"]) == (6, {"userId": 3}, {})
    assert here("identity", "show", "anon:a-1", "--json", cwd=tmp_path).json["ids"] == ["anon:a-1"]
    again = here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path).out
    assert "ids that are none, taken as not given" in again


def test_a_call_of_which_no_id_is_left_is_a_dead_letter(tmp_path: Path) -> None:
    at = TIME.format(1, 0)
    (tmp_path / "calls.jsonl").write_bytes(calls(
        {"type": "track", "event": "x", "messageId": "1", "anonymousId": "null", "userId": 0, "timestamp": at},
        {"type": "alias", "messageId": "2", "previousId": "[object Object]", "userId": "u1", "timestamp": at},
    ))  # fmt: skip
    told = here("ingest", "calls.jsonl", "--format", "segment", "--json", cwd=tmp_path).json
    assert (told["dead_letters"], told["no_ids"]) == ({"no-id": 2}, {"anonymousId": 1})


@pytest.mark.parametrize("sent", [
    touch("page_view", subject="user:undefined", url="https://x.example/"),
    touch("page_view", subject="anon: NULL", url="https://x.example/"),
    touch("identified", subject="anon:a", other="user:00000000-0000-0000-0000-000000000000", method="login"),
    touch("page_view", subject="user:u", url="https://x.example/", account="n/a"),
    touch("order_placed", subject="user:u", order="#undefined", amount="1", currency="EUR"),
    touch("refund", subject="user:u", order="null", amount="1", currency="EUR"),
    touch("deal_updated", subject="deal:12", deal="12", people=[{"person": "user:u"}, {"person": "user:nan"}]),
    touch("meeting", subject="user:u", people=["user:u", "user:undefined"]),
    touch("deal_updated", subject="deal:none", deal="none"),
    touch("account_updated", subject="account:unknown", name="x"),
])  # fmt: skip
def test_as_a_subject_or_in_data_it_is_a_dead_letter_that_says_what_cures_it(tmp_path: Path, sent: Any) -> None:
    (tmp_path / "sent.jsonl").write_bytes(sent if isinstance(sent, bytes) else orjson.dumps(sent))
    assert here("ingest", "sent.jsonl", "--json", cwd=tmp_path).json["dead_letters"] == {"no-id": 1}
    assert "identity.never" in here("dead-letters", "show", "1", "--json", cwd=tmp_path).json["reason"]


def test_an_alias_whose_user_is_none_is_of_the_anonymous_id(tmp_path: Path) -> None:
    call = {
        "type": "alias",
        "messageId": "al",
        "userId": "undefined",
        "anonymousId": "a-1",
        "previousId": "a-0",
        "timestamp": TIME.format(1, 0),
    }
    (tmp_path / "calls.jsonl").write_bytes(orjson.dumps(call))
    told = here("ingest", "calls.jsonl", "--format", "segment", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["dead_letters"], told["no_ids"]) == (2, {}, {"userId": 1})


def test_what_takes_it_back_may_name_it() -> None:
    sent = touch("unlinked", subject="anon:a", other="user:undefined")
    decoded = decode(sent if isinstance(sent, bytes) else orjson.dumps(sent))
    assert check_ids(decoded.touch, lambda value: True) is None


def test_ids_written_in_two_ways_are_one_by_what_the_map_says(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "signups.csv").write_text("Email,Signed up\nana@firm.example,2026-03-01 09:00\n")
    rows = "006D000000IiYsR,2026-03-10 10:00,Ana@Firm.example\n006D000000IiYsRIAV,2026-03-12 10:00,b\n6D0,2026-03-14 10:00,c\n"
    (tmp_path / "roles.csv").write_text(f"Deal ID,Created,Contact email\n{rows}")
    told = here("ingest", "signups.csv", "roles.csv", "--map", "map.yaml", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["dead_letters"]) == (4, {})
    assert here("timeline", "deal:006D000000IiYsR", cwd=tmp_path).status != 0
    for deal, said in (("006D000000IiYsRIAV", 2), ("6D0", 1)):
        assert here("timeline", f"deal:{deal}", cwd=tmp_path).out.count("deal_updated") == said
    assert here("identity", "show", "user:ana@firm.example", cwd=tmp_path).status == 0
    assert here("identity", "show", "user:Ana@Firm.example", cwd=tmp_path).status != 0


@pytest.mark.parametrize("cell", ["1.23457E+11", '"1,23457E+11"', "1.2E+5", "1E+11"])
def test_an_id_that_a_spreadsheet_has_rounded_is_a_dead_letter(tmp_path: Path, cell: str) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "signups.csv").write_text(f"Email,Signed up\n{cell},2026-03-01 09:00\n12E5,2026-03-01 09:00\n")
    told = here("ingest", "signups.csv", "--map", "map.yaml", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["dead_letters"]) == (1, {"unmapped": 1})
    assert "a spreadsheet has rounded it" in here("dead-letters", "show", "1", "--json", cwd=tmp_path).json["reason"]


def test_a_dry_run_foresees_an_id_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "signups.csv").write_text("Email,Signed up\nundefined,2026-03-01 09:00\nana@firm.example,2026-03-01 09:00\n")
    told = here("ingest", "signups.csv", "--map", "map.yaml", "--dry-run", cwd=tmp_path)
    assert "'user:undefined' is what programs write where they have no id" in " ".join(told.out.split())


def test_visitors_whom_such_an_id_joined_are_apart_once_the_definition_says_that_it_is_none(tmp_path: Path) -> None:
    """As if the links had never come, in a data folder of an older definition that knew no such ids."""
    text = here("definition", "show", "--default", cwd=tmp_path).out
    (tmp_path / "default.yaml").write_text(text)
    (tmp_path / "older.yaml").write_text(f"{text}\nidentity: {{never: []}}\n")
    visitors = [f"a-{number}" for number in range(60)]
    others = [touch("page_view", id=f"v-{one}", subject=f"anon:{one}", url="https://shop.example/") for one in visitors]
    others += [touch("order_placed", id="o-1", subject="anon:a-7", order="o-1", at=TIME.format(3, 0))]
    others += [touch("identified", id="l-7", subject="anon:a-7", other="user:ann", method="login", at=TIME.format(2, 0))]
    links = [touch("identified", id=f"l-{one}", subject=f"anon:{one}", other="user:undefined", method="login") for one in visitors[:40]]
    (tmp_path / "others.jsonl").write_bytes(b"\n".join(others))
    (tmp_path / "links.jsonl").write_bytes(b"\n".join(links))

    assert here("definition", "use", "older.yaml", "--data", "older", cwd=tmp_path).status == 0
    told = here("ingest", "others.jsonl", "links.jsonl", "--data", "older", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["dead_letters"]) == (102, {})
    # Without the device that Ann logged in with: it has two users.
    assert len(here("identity", "show", "anon:a-1", "--data", "older", "--json", cwd=tmp_path).json["ids"]) == 40
    assert here("definition", "use", "default.yaml", "--data", "older", cwd=tmp_path).status == 0

    for one in visitors:
        found = here("identity", "show", f"anon:{one}", "--data", "older", "--json", cwd=tmp_path).json
        assert found["ids"] == ([f"anon:{one}", "user:ann"] if one == "a-7" else [f"anon:{one}"])
        assert [link["why"] for link in found["links"] if not link["holds"]] == ["one of them is no id"] * (one in visitors[:40])
    assert here("identity", "show", "user:undefined", "--data", "older", "--json", cwd=tmp_path).json["ids"] == ["user:undefined"]
    assert here("reconcile", "--data", "older", cwd=tmp_path).status == 0
    assert here("ingest", "others.jsonl", "--data", "fresh", cwd=tmp_path).status == 0
    later = [
        touch("page_view", id=f"w-{one}", subject=f"anon:{one}", url="https://shop.example/", at=TIME.format(4, 0)) for one in visitors
    ]
    later += [touch("identified", id="l-1", subject="anon:a-1", other="user:bob", method="login", at=TIME.format(1, 0))]
    (tmp_path / "later.jsonl").write_bytes(b"\n".join(later))
    for nth in range(2):
        digests = [here("digest", "--data", folder, "--json", cwd=tmp_path).json for folder in ("older", "fresh")]
        assert len({(one["marketing"], one["sales"]) for one in digests}) == 1, nth
        for folder in ("older", "fresh"):
            assert here("ingest", "later.jsonl", "--data", folder, cwd=tmp_path).status == 0
