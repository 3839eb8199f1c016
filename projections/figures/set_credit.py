"""Credit that is worked out over the paths of a whole set at once: removal effects of Markov chains, and Shapley values.

What a set comes to is divided among the values of its touches. Another set, also a part of this one, is worked out by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any, Final, Protocol

from projections.figures.analysis import NotWorkedOut, analysis

State = tuple[str, ...]
"""What a touch is told by: its channel, or its channel and campaign."""

POSITION: Final = "position"
"""The dimension that says which touch of its path a touch is."""
TRANSITIONS_MAX: Final = 50_000
"""How many different transitions a chain has at most."""
STATES_MAX: Final = 200
"""How many values of touches a chain tells apart at most: each is taken out of it once."""
EFFECT_PARTS: Final = 10**9
"""Removal effects are rounded to billionths, beyond which floats of two machines differ."""
DENSE_MAX: Final = 50
"""Up to so many memories a full matrix is solved sooner than a sparse one. Of larger ones numpy waits for threads that others need."""
CACHED_MAX: Final = 64
"""Chains of so few transitions are kept, since those of single conversions are often the same."""


class SetCredit(Protocol):
    """The paths of one set, and what each value of their touches has earned of what the set comes to."""

    def add(self, path: Sequence[State], number: int, value: int, *, has_converted: bool) -> None:
        """`number` of the same path, which come to `value` together: 0 of those that did not convert."""
        ...

    def parts(self) -> Mapping[State, Fraction]:
        """They add up to what was added."""
        ...


SetModel = Callable[[Sequence[str]], SetCredit]
"""Begins with nothing; the names are of the dimensions that states are told by, of which POSITION comes last."""


class Shapley:
    """Shapley values where a coalition is worth what the paths within it come to: equal parts of each path to its distinct values
    (Zhao et al. 2018). This is exact, and takes no sum over coalitions, so there is no bound on how many values there are. By position
    the part of each value goes in equal parts to the positions where it occurs: the ordered Shapley value of the same."""

    def __init__(self, told_by: Sequence[str]) -> None:
        self._is_by_position = POSITION in told_by
        self._come_to: Counter[tuple[State, int]] = Counter()

    def add(self, path: Sequence[State], number: int, value: int, *, has_converted: bool) -> None:
        times = Counter(map(self._without_position, path))
        for state, here in Counter(path).items():
            self._come_to[state, len(times) * times[self._without_position(state)]] += value * here

    def parts(self) -> Mapping[State, Fraction]:
        found: dict[State, Fraction] = {}
        for (state, size), value in self._come_to.items():
            found[state] = found.get(state, Fraction()) + Fraction(value, size)
        return found

    def _without_position(self, state: State) -> State:
        return state[:-1] if self._is_by_position else state


Memory = tuple[State, ...]
"""The last touches: what comes next depends on them."""
_CONVERTED: Final = 1
_LOST: Final = 0
Transition = tuple[Memory, Memory | int]
"""From a memory to the next one, or to the end."""


class Markov:
    """A chain whose memory is the last `order` touches. A value's removal effect is the share of its probability to convert that is lost
    where whatever comes to the value converts no more; parts are in proportion to it (Anderl et al. 2014). Exact from the transitions
    counted, not simulated."""

    def __init__(self, order: int, told_by: Sequence[str]) -> None:
        _numerics()  # Who lacks them hears so before anything is read.
        self._order = order
        self._transitions: Counter[Transition] = Counter()
        self._states: set[State] = set()
        self._total = 0

    def add(self, path: Sequence[State], number: int, value: int, *, has_converted: bool) -> None:
        memory: Memory = ()
        for state in path:
            before, memory = memory, (*memory, state)[-self._order :]
            self._transitions[before, memory] += number
        self._transitions[memory, _CONVERTED if has_converted else _LOST] += number
        self._total += value
        self._states.update(path)
        if len(self._transitions) > TRANSITIONS_MAX or len(self._states) > STATES_MAX:
            raise NotWorkedOut(
                f"a Markov chain has at most {TRANSITIONS_MAX:,} transitions and {STATES_MAX:,} channels, or whatever it is broken down by,"
                " and here are more; ask for a lower order, for fewer with --where, or by channel"
            )

    def parts(self) -> Mapping[State, Fraction]:
        if not self._total:
            return dict.fromkeys(self._states, Fraction())
        transitions = tuple(sorted(self._transitions.items(), key=_in_order))
        effects = (_known_effects if len(transitions) <= CACHED_MAX else _effects)(transitions)
        # Each conversion is lost without one of its touches, so there is some effect.
        whole = sum(effects.values())
        return {state: Fraction(self._total * effect, whole) for state, effect in effects.items()}


def markov(order: int) -> SetModel:
    return partial(Markov, order)


def whole_units(parts: Mapping[State, Fraction]) -> dict[State, int]:
    """`parts`, which add up to a whole number, in whole numbers that add up to it: what is left goes to the largest remainders, ties in
    order of the states."""
    found = {state: part.numerator // part.denominator for state, part in sorted(parts.items())}
    left = int(sum(parts.values())) - sum(found.values())
    for state in sorted(found, key=lambda state: found[state] - parts[state])[:left]:
        found[state] += 1
    return found


# --- chains


def _in_order(counted: tuple[Transition, int]) -> tuple[Memory, bool, Memory, int]:
    (before, after), _ = counted
    return (before, True, (), after) if isinstance(after, int) else (before, False, after, 0)


def _effects(transitions: Iterable[tuple[Transition, int]]) -> dict[State, int]:
    """By state its removal effect, in EFFECT_PARTS. The transitions are in order, so that the same ones give the same floats."""
    transitions = tuple(transitions)
    number = {memory: nth for nth, memory in enumerate(dict.fromkeys(before for (before, _), _ in transitions))}
    leaving: Counter[Memory] = Counter()
    for (before, _), times in transitions:
        leaving[before] += times
    steps: list[tuple[int, int, float]] = []
    to_end = [0.0] * len(number)
    for (before, after), times in transitions:
        if not isinstance(after, int):
            steps.append((number[before], number[after], times / leaving[before]))
        elif after == _CONVERTED:
            to_end[number[before]] = times / leaving[before]
    states = sorted({state for memory in number for state in memory})
    among = _solver(steps, to_end)
    converts = among(list(range(len(number))), number[()])
    found = {}
    for state in states:
        left = [nth for memory, nth in number.items() if state not in memory]
        found[state] = round((1 - min(among(left, number[()]) / converts, 1.0)) * EFFECT_PARTS)
    return found


_known_effects = lru_cache(maxsize=10_000)(_effects)


def _solver(steps: Sequence[tuple[int, int, float]], to_end: Sequence[float]) -> Callable[[Sequence[int], int], float]:
    """Gives the probability to convert from a memory on, among those that are left of all: what leaves these does not convert."""
    np, sparse, solve = _numerics()
    rows, columns, chances = zip(*steps, strict=True) if steps else ((), (), ())
    size = len(to_end)
    whole = sparse.identity(size, format="csr") - sparse.csr_matrix((chances, (rows, columns)), shape=(size, size))
    if size <= DENSE_MAX:
        whole = whole.toarray()
    ends = np.array(to_end)

    def converting(left: Sequence[int], start: int) -> float:
        kept = np.array(left)
        if size <= DENSE_MAX:
            solved = np.linalg.solve(whole[np.ix_(kept, kept)], ends[kept])
        else:
            solved = solve(whole[kept][:, kept].tocsc(), ends[kept])
        return float(solved[left.index(start)])

    return converting


def _numerics() -> tuple[Any, Any, Any]:
    with analysis():
        import numpy as np
        from scipy import sparse
        from scipy.sparse.linalg import spsolve
    return np, sparse, spsolve
