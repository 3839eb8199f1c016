"""Whole numbers in JSON: none that a reader would round."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from journey.integers import INTEGER_MAX, all_plain, plain

integers = st.integers() | st.integers(-INTEGER_MAX - 2, -INTEGER_MAX + 2) | st.integers(INTEGER_MAX - 2, INTEGER_MAX + 2)
values = st.recursive(
    st.none() | st.booleans() | integers | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(integers)
def test_what_is_written_is_the_number_to_who_reads_floats_too(number: int) -> None:
    written = orjson.dumps(plain(number))
    assert int(json.loads(written)) == number == int(json.loads(written, parse_int=float))


@given(values)
def test_nothing_but_large_numbers_is_written_otherwise(value: object) -> None:
    written = json.loads(orjson.dumps(all_plain(value)))
    assert written == json.loads(json.dumps(value), parse_int=lambda digits: plain(int(digits)))
