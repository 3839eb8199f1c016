"""One value, one text: the canonical JSON of RFC 8785."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.canonical import canonical, content_hash


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        # The examples of RFC 8785, sections 3.2.2 and 3.2.3.
        ([333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001], "[333333333.3333333,1e+30,4.5,0.002,1e-27]"),
        ('€$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7},
            '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
        ),
        ([-0.0, 1.0, 1e21, 1e-7], "[0,1,1e+21,1e-7]"),
        ([2**53, -(2**53), 2**53 - 1], "[9007199254740992,-9007199254740992,9007199254740991]"),
        ([Decimal("12.50"), Decimal("1E+3"), Decimal("-0.00"), Decimal("0.12345678901234567890123456789012345")], None),
        ((1, 2), "[1,2]"),
    ],
)
def test_a_value_has_one_text(value, text):
    expected = text or '["12.5","1000","0","0.12345678901234567890123456789012345"]'
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize("value", [2**53 + 1, float("nan"), float("inf"), Decimal("NaN"), {1: 2}, {"a": b"b"}, "\ud800"])
def test_what_has_no_exact_text_has_none(value):
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)


def test_bodies_that_say_the_same_have_the_same_hash():
    assert content_hash(b'{"a":1.0,"b":"\\u00e9"}') == content_hash('{"b": "é", "a": 1}'.encode())
    assert content_hash(b'{"a":1}') != content_hash(b'{"a":"1"}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), JSON))
@settings(deadline=None)
def test_the_order_of_keys_makes_no_difference(value):
    assert canonical(dict(reversed(value.items()))) == canonical(value)
