"""By which addresses people of the web meet those of a CRM, and by which they don't."""

from typing import Any

import orjson

from journey.identity import resolve
from journey.touchpoints import Touchpoint
from schemas.decode import decode
from schemas.definition_files import default_definition
from tests.schemas.test_segment import call, made


def people(*bodies: dict[str, Any]) -> dict[str, str]:
    touches: list[Touchpoint] = [decode(orjson.dumps(one)).touch for one in bodies]
    return dict(resolve(touches, default_definition()))


def crm(record: str, address: str) -> dict[str, Any]:
    return {
        "specversion": "1.0", "source": "/crm", "type": "identified", "id": record, "subject": f"user:hubspot:{record}",
        "time": "2026-03-01T09:00:00Z", "data": {"other": f"user:{address}", "method": "hubspot"},
    }  # fmt: skip


def test_a_visitor_and_a_user_meet_the_contact_whose_address_they_state() -> None:
    visitor = made(call("identify", messageId="m1", userId=None, anonymousId="a1", traits={"email": "Ana@Firm.example"}))
    user = made(call("identify", messageId="m2", userId="42", traits={"email": "ana@firm.example"}))
    found = people(*visitor, *user, crm("101", "ana@firm.example"))
    assert {found[id] for id in ("anon:a1", "user:42", "user:hubspot:101")} == {"user:42"}


def test_an_address_that_nobody_else_knows_makes_nobody_one_with_anybody() -> None:
    some = [made(call("identify", messageId=f"m{n}", userId=f"{n}", traits={"email": "none@shop.example"})) for n in (1, 2)]
    found = people(*some[0], *some[1], crm("101", "ana@firm.example"))
    assert found["user:1"] != found["user:2"]
