"""Which channel and campaign brought a touchpoint, and which touchpoints are left out of the figures.

The definition's rules are compiled once, and what they answer is remembered: most touchpoints say what another one said before.
"""

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from journey.definition import ChannelRule, Definition
from journey.exact_numbers import UNKNOWN
from journey.matching import SEARCHED_MAX, Said, tests
from journey.touchpoints import About, LeadCreated, Touchpoint
from journey.utm import NO_TAGS, Tags, tags_of

BLANK = "(blank)"
"""The channel of a touchpoint whose sender stated an empty one: not derived, not Unassigned, not Direct."""

DIRECT = "Direct"
UNASSIGNED = "Unassigned"

OWN, PAYMENT = "own", "payment"
"""The kinds of `referrers` that say nothing about where a person came from: the company's own hosts, and where people only pay."""

FIELDS = {
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "content": "utm_content",
    "term": "utm_term",
    "click_id": "click_id",
    "referrer": "referrer",
}
"""What channel rules call the fields of a touchpoint that they may test."""

DERIVED = frozenset({"type", "paid_click", "site", "brand", "lead_source"})
"""What channel rules may test besides: the type, the network of the click id, the kind of site that the source (else the
referrer) is, whether a brand term is in the term or the campaign, and the source of a lead as a CRM states it."""

Key = TypeVar("Key")
Result = TypeVar("Result")

ANSWERS_MAX = 50_000
_DEFINITIONS_MAX = 16
_HOST = re.compile(r"(?:[a-zA-Z][\w+.-]*://)?(?:[^/?#@]*@)?([^/?#:]*)")


def channel_of(definition: Definition, touch: Touchpoint) -> str:
    """The channel as stated, else that of the first rule that passes; Direct if nothing is said, else Unassigned."""
    return (_compiled.get(definition.fingerprint) or _compile(definition)).channel(touch)


def campaign_of(definition: Definition, about: About) -> str:
    """The campaign as stated, else the one that utm_campaign is an alias of, else utm_campaign, else none."""
    if about.campaign is not None:
        return about.campaign
    if about.utm_campaign is None and about.url is None:
        return ""
    channels = _compiled.get(definition.fingerprint) or _compile(definition)
    stated = about.utm_campaign or channels.tags(about).utm_campaign
    return "" if stated is None else channels.aliases.get(stated.casefold(), stated)


def names_its_origin(definition: Definition, about: About) -> bool:
    """Whether `about` says where the person came from, in its own fields or by the tags of its link. Then that counts, and not what its
    session says. A link with a source and no medium does not say enough to differ from the session's first touchpoint.
    """
    if about.channel is not None or about.utm_source is not None or about.click_id is not None:
        return True
    if about.url is None:
        return False
    tags = (_compiled.get(definition.fingerprint) or _compile(definition)).tags(about)
    return (tags.utm_source is not None and tags.utm_medium is not None) or tags.click_id is not None


def returns_from_paying(definition: Definition, about: About) -> bool:
    """Whether the referrer is a site where people only pay: who comes back from there goes on with the session that they left."""
    if about.referrer is None:
        return False
    return (_compiled.get(definition.fingerprint) or _compile(definition)).kind_of_host(host_of(about.referrer)) == PAYMENT


def excluded(definition: Definition, about: About) -> bool:
    """Whether `about` is kept out of every figure: a bot's, a test, or from a network or an agent that the definition excludes."""
    if about.bot or about.test:
        return True
    if about.network is None and about.agent is None:
        return False
    return (_compiled.get(definition.fingerprint) or _compile(definition)).excludes(about)


def why_excluded(definition: Definition, about: About) -> str:
    """The first reason why `about`, which is excluded, is."""
    if about.bot:
        return "bot"
    if about.test:
        return "test"
    return about.network if about.network in definition.bots.networks and about.network else "agent"


def names_brand(definition: Definition, words: str) -> bool:
    """Whether a brand term of the definition is in `words`."""
    return (_compiled.get(definition.fingerprint) or _compile(definition)).names_brand(words)


def came_by_brand(definition: Definition, about: About) -> int:
    """1 where the search term that `about` came by has a brand term in it, 0 where it has none, UNKNOWN where there is no term."""
    term = about.utm_term
    if term is None and about.url is not None:
        term = (_compiled.get(definition.fingerprint) or _compile(definition)).tags(about).utm_term
    return int(names_brand(definition, term)) if term else UNKNOWN


def host_of(referrer: str) -> str:
    """`www.google.com` of `https://www.google.com/search?q=crm`, or of the bare host."""
    found = _HOST.match(referrer)
    return found[1].casefold() if found else ""


class _Channels:
    """A definition's rules, ready to run, with what they answered."""

    def __init__(self, definition: Definition) -> None:
        self.rules = [_rule(rule) for rule in definition.channels]
        self.sites = {host.casefold(): kind for kind, hosts in definition.referrers.items() for host in hosts}
        self.networks_by_click = {prefix.casefold(): network for prefix, network in definition.click_ids.items()}
        self.brand_terms = tuple(term.casefold() for term in definition.brand_terms)
        self.aliases = {name.casefold(): alias.campaign for alias in definition.campaign_aliases for name in alias.names}
        self.click_ids = frozenset(self.networks_by_click)
        self.networks = frozenset(definition.bots.networks)
        self.bots = [re.compile(pattern, re.IGNORECASE).search for pattern in definition.bots.agents]
        self.agents: dict[str, bool] = {}

        tested = {name for rule in definition.channels for part in (rule.when, *rule.any) for name in part}
        # A term or a content that no rule tests is left out of what answers are remembered by: there are many of them.
        often = [name for name in ("term", "content") if name not in tested and not ("brand" in tested and name == "term")]
        self.names = [name for name in FIELDS if name not in often]
        self.said: Callable[[About], tuple[Any, ...]] = attrgetter("channel", "campaign", *(FIELDS[name] for name in self.names))
        self.of_link: Callable[[Tags], tuple[Any, ...]] = attrgetter(*(FIELDS[name] for name in self.names))
        self.answers: dict[tuple[Any, ...], str] = {}
        self.hosts: dict[str, str | None] = {}

    def channel(self, touch: Touchpoint) -> str:
        type_name, about = touch.type, touch.about
        said = self.said(about)
        if said[0] is not None:
            return said[0] or BLANK
        if about.url is not None and (tags := self.tags(about)) is not NO_TAGS:
            # What the touchpoint states itself holds.
            of_link = self.of_link(tags)
            said = (*said[:2], *(one if one is not None else other for one, other in zip(said[2:], of_link, strict=True)))
        click_id, referrer = said[-2:]
        if click_id is not None or referrer is not None:
            # Click ids and referrers are many; what they say of a channel is not.
            said = (*said[:-2], _prefix(click_id) if click_id else None, self._host(referrer, about) if referrer else None)
        lead_source = touch.data.lead_source if isinstance(touch.data, LeadCreated) else None
        key = (type_name, lead_source, said)
        answer = self.answers.get(key)
        if answer is None:
            answer = _keep(self.answers, key, self._derived(type_name, lead_source, about, said))
        return answer

    def tags(self, about: About) -> Tags:
        """What the link of `about` says."""
        return tags_of(about.url, self.click_ids)

    def excludes(self, about: About) -> bool:
        if about.network in self.networks:
            return True
        agent = about.agent
        if agent is None:
            return False
        answer = self.agents.get(agent)
        if answer is None:
            answer = _keep(self.agents, agent, any(search(agent, 0, SEARCHED_MAX) for search in self.bots))
        return answer

    def _host(self, referrer: str, about: About) -> str | None:
        """The host of `referrer`; none if it is one's own, as listed or because the page that was viewed is there too."""
        try:
            host = self.hosts[referrer]
        except KeyError:
            host = host_of(referrer)
            host = _keep(self.hosts, referrer, None if self.kind_of_host(host) in (OWN, PAYMENT) else host)
        return None if host is None or (about.url is not None and _is_on(about.url, host)) else host

    def _derived(self, type_name: str, lead_source: str | None, about: About, said: tuple[Any, ...]) -> str:
        values: dict[str, Any] = dict(zip(self.names, said[2:], strict=True))
        source, referrer, click_id = values["source"], values["referrer"], values["click_id"]
        campaign = values["campaign"] = values["campaign"] or about.campaign
        values["type"], values["lead_source"] = type_name, lead_source
        values["paid_click"] = self.networks_by_click.get(click_id) if click_id else None
        values["site"] = self.kind_of_host(source) if source else self.kind_of_host(referrer) if referrer else None
        words = f"{values.get('term') or ''} {campaign or ''}"
        values["brand"] = self.names_brand(words)
        for channel, holds in self.rules:
            if holds(values.get):
                return channel
        return UNASSIGNED if any(said) or lead_source else DIRECT

    def names_brand(self, words: str) -> bool:
        folded = words.casefold()
        return any(term in folded for term in self.brand_terms)

    def kind_of_host(self, name: str) -> str | None:
        """The kind of the site `name`, a source or a host: by the longest part of it that is listed, or by its bare name."""
        name = name.casefold()
        rest = name
        while rest:
            kind = self.sites.get(rest)
            if kind is not None:
                return kind
            rest = rest.partition(".")[2]
        return self.sites.get(_bare(name))


def _rule(rule: ChannelRule) -> tuple[str, Callable[[Said], bool]]:
    everything = tests(rule.when)
    if not rule.any:
        return rule.channel, everything
    groups: list[Callable[[Said], bool]] = [tests(group) for group in rule.any]
    return rule.channel, lambda said: everything(said) and any(group(said) for group in groups)


def _is_on(url: str, host: str) -> bool:
    """Whether `host` is the host of `url`."""
    start = url.find("//") + 2
    end = start + len(host)
    return start > 1 and url[start:end].casefold() == host and url[end : end + 1] in "/?#:"


def _prefix(click_id: str) -> str:
    """`gclid` of `gclid:Cj0KCQ` and of `gclid=Cj0KCQ`; of one without a prefix nothing that is known."""
    for mark in ":=":
        prefix, found, _ = click_id.partition(mark)
        if found and len(prefix) <= 20:
            return prefix.casefold()
    return "?"


def _bare(host: str) -> str:
    """`google` of `www.google.de` and of `www.google.co.uk`."""
    labels = host.split(".")
    if len(labels) < 2:
        return host
    short = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in ("co", "com", "org", "net", "or", "ne", "ac", "edu", "gov")
    return labels[-3] if short else labels[-2]


def _keep(answers: dict[Key, Result], key: Key, answer: Result) -> Result:
    if len(answers) >= ANSWERS_MAX:
        answers.clear()
    answers[key] = answer
    return answer


_compiled: dict[str, _Channels] = {}


def _compile(definition: Definition) -> _Channels:
    if len(_compiled) >= _DEFINITIONS_MAX:
        _compiled.clear()
    compiled = _compiled[definition.fingerprint] = _Channels(definition)
    return compiled
