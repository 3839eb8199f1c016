"""What kept keys promise: a name is one key's for ever, and who made or revoked it stands in the control log."""

import pytest

from journey.errors import Refused
from streams.keys import ApiKey, Keys
from streams.operators import By
from tests.contracts.places import Record


@pytest.fixture
def keys(record: Record) -> Keys:
    return record.keys


ANN = By(17, "ann", "the shop moves")


async def test_a_key_is_kept_with_who_made_it_and_is_used_and_revoked(keys: Keys) -> None:
    await keys.add("shop", "publisher", b"s" * 32, ["https://shop.example"], ANN)
    await keys.add("ben", "sales", b"b" * 32, [], ANN._replace(at=18))
    assert list(await keys.all()) == [
        ApiKey("shop", "publisher", b"s" * 32, ("https://shop.example",), 17, "ann"),
        ApiKey("ben", "sales", b"b" * 32, (), 18, "ann"),
    ]
    assert await keys.revoke("shop", By(30, "cleo", "leaked"))
    assert not await keys.revoke("shop", By(31, "dan", "again"))
    await keys.used("ben", 40)
    await keys.used("ben", 39)
    shop, ben = await keys.all()
    assert (shop.used_at, shop.revoked_at, shop.revoked_by) == (None, 30, "cleo")
    assert (ben.used_at, ben.revoked_at, ben.revoked_by) == (40, None, None)


async def test_a_name_is_one_keys_for_ever(keys: Keys) -> None:
    await keys.add("shop", "publisher", b"s" * 32, [], ANN)
    await keys.revoke("shop", ANN)
    with pytest.raises(Refused, match="there is or was a key 'shop'"):
        await keys.add("shop", "operator", b"t" * 32, [], ANN)
    with pytest.raises(Refused, match="there is no key 'ship'"):
        await keys.revoke("ship", ANN)
    assert [one.sha256 for one in await keys.all()] == [b"s" * 32]


async def test_making_and_revoking_one_stands_in_the_control_log_without_its_hash(record: Record) -> None:
    await record.keys.add("shop", "publisher", b"s" * 32, ["https://a.example", "https://b.example"], ANN)
    with pytest.raises(Refused):
        await record.keys.add("shop", "publisher", b"t" * 32, [], ANN)
    await record.keys.revoke("shop", By(30, "cleo", "leaked"))
    await record.keys.used("shop", 31)
    assert [one[1:] for one in await record.control.decisions()] == [
        (
            17, "ann", "add-key", "the shop moves",
            {"key": "shop", "before": None, "after": {"role": "publisher", "origins": ["https://a.example", "https://b.example"]}},
        ),
        (30, "cleo", "revoke-key", "leaked", {"key": "shop", "before": {"role": "publisher"}, "after": {"state": "revoked"}}),
    ]  # fmt: skip
