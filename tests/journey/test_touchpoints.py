"""What all touchpoint types share, which they have from one class instead of one dataclass each."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import orjson
import pytest

from journey.touchpoints import COMMON, TYPES, About, PageEngaged, PageView, own_names
from schemas.decode import decode
from tests.examples import example


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(TypeError, match="PageView needs url"):
        PageView(title="Shoes")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="PageView has no size"):
        PageView(url="/shoes", size=1)  # type: ignore[call-arg]


def test_what_contradicts_itself_is_refused_however_it_is_made() -> None:
    with pytest.raises(ValueError, match="one of url, view"):
        PageEngaged(seconds=1.0)


def test_it_can_not_be_changed() -> None:
    seen = PageView(url="/shoes")
    with pytest.raises(FrozenInstanceError, match=r"PageView\.url"):
        seen.url = "/hats"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match=r"PageView\.url"):
        del seen.url
    assert seen == PageView(url="/shoes")


@pytest.mark.parametrize("type", TYPES)
def test_a_copy_is_equal_however_many_fields_there_are(type: str) -> None:
    seen = decode(orjson.dumps(example(type, products=["shoes"]))).touch
    assert copy.deepcopy(seen) == pickle.loads(pickle.dumps(seen)) == seen
    assert hash(seen.about) == hash(copy.deepcopy(seen.about))


def test_none_takes_room_for_what_is_no_field() -> None:
    assert not [kind for kind in (About, *TYPES.values()) if kind.__dictoffset__]


def test_a_field_of_a_type_that_has_the_name_of_a_common_one_means_the_same_or_is_said_to_hide_it() -> None:
    hidden = {(name, field) for name, kind in TYPES.items() for field in kind.not_about}
    assert hidden == {("social_engagement", "network")}
    assert all(field in COMMON & own_names(TYPES[name]) for name, field in hidden)
