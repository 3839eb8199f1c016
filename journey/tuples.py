"""How named tuples are made where several are made for every touchpoint."""

from typing import Any

new: Any = tuple.__new__
"""`new(Touchpoint, (…))` is `Touchpoint(…)` with every field given, without the call of Python's around it: half the time."""
