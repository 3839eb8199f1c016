"""What a link says of where its visitor came from: utm tags, and click ids that ad networks add."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from journey.touchpoints import ID_LENGTH_MAX

LINKS_KEPT_MAX = 20_000
"""Queries that are remembered: the pages of a company are many, what their links say is not."""

QUERY_LENGTH_MAX = 20_000
"""Characters of a query that are read: no browser sends more."""


class Tags(NamedTuple):
    """The tags of a link; None is not said. `click_id` is the network's parameter with its value, such as `gclid:Cj0KCQ`."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id: str | None = None

    @property
    def referrer(self) -> None:
        """What channel rules may test besides, and no link says."""


NO_TAGS = Tags()


def tags_of(link: str | None, click_ids: frozenset[str]) -> Tags:
    """The tags of `link`: a URL, or the part of one from its `?` on. Those of the query hold over those of the fragment.

    `click_ids` are the parameters that ad networks add, in small letters. Names are read in any case, as senders write them.
    """
    if link is None or ("?" not in link and "#" not in link):
        return NO_TAGS
    before, _, fragment = link.partition("#")
    query = before.partition("?")[2]
    # An application of one page has its route, and so its query, in the fragment.
    route = fragment.rpartition("?")[2]
    return _tags(query[:QUERY_LENGTH_MAX], route[:QUERY_LENGTH_MAX], click_ids) if query or route else NO_TAGS


@lru_cache(LINKS_KEPT_MAX)
def _tags(query: str, route: str, click_ids: frozenset[str]) -> Tags:
    found: dict[str, str] = {}
    for name, value in (*parse_qsl(query), *parse_qsl(route)):
        name, value = name.casefold(), value.strip()
        # What no field of a touchpoint could hold is not said.
        if not value or len(value) > ID_LENGTH_MAX or "\0" in value:
            continue
        if name in _UTM:
            found.setdefault(name, value)
        elif name in click_ids:
            found.setdefault("click_id", f"{name}:{value}")
    return Tags(**found)


_UTM = frozenset(one for one in Tags._fields if one.startswith("utm_"))
