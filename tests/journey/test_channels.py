from typing import Any

import pytest

from journey.channels import BLANK, campaign_of, channel_of, excluded, host_of
from journey.definition import Definition
from journey.touchpoints import Touchpoint
from schemas.definition_files import default_definition
from tests.journey.builders import saying


def page(**said: Any) -> Touchpoint:
    return saying("page_view", **({"url": "https://we.example/"} | said))


def channel(type: str = "page_view", /, **said: Any) -> str:
    return channel_of(default_definition(), page(**said) if type == "page_view" else saying(type, **said))


def utm(source: str | None = None, medium: str | None = None, campaign: str | None = None, **said: Any) -> str:
    return channel(utm_source=source, utm_medium=medium, utm_campaign=campaign, **said)


def having(**changed: Any) -> Definition:
    return Definition.model_validate(default_definition().model_dump(by_alias=True, exclude_defaults=True) | changed)


# The channels of Google Analytics 4's default group, by what it documents of each.
GA4 = [
    ("(direct)", "(none)", None, "Direct"),
    ("(direct)", "(not set)", None, "Direct"),
    ("google", "cpc", "pmax cross-network spring", "Cross-network"),
    ("shopping.google.com", "cpc", None, "Paid Shopping"),
    ("newsletter", "cpc", "winter shopping", "Paid Shopping"),
    ("google", "cpc", None, "Paid Search"),
    ("bing", "paidsearch", None, "Paid Search"),
    ("duckduckgo.com", "ppc", None, "Paid Search"),
    ("facebook", "cpc", None, "Paid Social"),
    ("linkedin.com", "paid-social", None, "Paid Social"),
    ("instagram", "retargeting", None, "Paid Social"),
    ("youtube", "cpv-cpm", None, "Paid Video"),
    ("vimeo.com", "paid", None, "Paid Video"),
    ("partner", "display", None, "Display"),
    ("partner", "banner", None, "Display"),
    ("partner", "cpm", None, "Display"),
    ("partner", "cpa", None, "Paid Other"),
    ("partner", "cpc", None, "Paid Other"),
    ("amazon", "organic-listing", None, "Organic Shopping"),
    ("partner", None, "the shop opens", "Organic Shopping"),
    ("partner", None, "eshop", "Organic Shopping"),
    ("partner", None, "workshop", "Unassigned"),
    ("reddit", None, None, "Organic Social"),
    ("partner", "social-media", None, "Organic Social"),
    ("partner", "social network", None, "Organic Social"),
    ("youtube.com", "link-in-bio", None, "Organic Video"),
    ("partner", "explainer-video", None, "Organic Video"),
    ("google", None, None, "Organic Search"),
    ("partner", "organic", None, "Organic Search"),
    ("partner", "email", None, "Email"),
    ("e-mail", "spring", None, "Email"),
    ("e mail", None, None, "Email"),
    ("partner", "affiliate", None, "Affiliates"),
    ("partner", "referral", None, "Referral"),
    ("partner", "app", None, "Referral"),
    ("podcast", "audio", None, "Audio"),
    ("partner", "sms", None, "SMS"),
    ("sms", "text", None, "SMS"),
    ("partner", "webpush", None, "Mobile Push Notifications"),
    ("partner", "mobile-alert", None, "Mobile Push Notifications"),
    ("firebase", "x", None, "Mobile Push Notifications"),
    ("partner", "brochure", None, "Unassigned"),
    ("partner", None, None, "Unassigned"),
]


@pytest.mark.parametrize(("source", "medium", "campaign", "name"), GA4)
def test_a_source_and_a_medium_come_by_the_channel_that_ga4_names(source: str, medium: str | None, campaign: str | None, name: str) -> None:
    assert utm(source, medium, campaign) == name
    assert utm(source.upper(), medium and medium.upper(), campaign and campaign.upper()) == name


@pytest.mark.parametrize(
    ("referrer", "name"),
    [
        ("https://www.google.de/search?q=crm", "Organic Search"),
        ("https://www.google.co.uk/", "Organic Search"),
        ("https://duckduckgo.com", "Organic Search"),
        ("android-app://com.google.android.googlequicksearchbox/", "Organic Search"),
        ("https://mail.google.com/mail/u/0/", "Email"),
        ("https://shopping.google.com/", "Organic Shopping"),
        ("https://m.facebook.com/", "Organic Social"),
        ("https://t.co/abc", "Organic Social"),
        ("https://user@www.YouTube.com:443/watch", "Organic Video"),
        ("https://blog.partner.example/review?from=https://www.google.com/", "Referral"),
        ("notgoogle.example", "Referral"),
        ("https://google.partner.example/", "Referral"),
    ],
)
def test_a_referrer_comes_by_the_kind_of_site_that_it_is(referrer: str, name: str) -> None:
    assert channel(referrer=referrer) == name


@pytest.mark.parametrize(
    ("click_id", "name"),
    [
        ("gclid:Cj0KCQ", "Paid Search"),
        ("gclid=Cj0KCQ", "Paid Search"),
        ("GCLID:Cj0KCQ", "Paid Search"),
        ("msclkid:1", "Paid Search"),
        ("dclid:1", "Display"),
        ("li_fat_id:1", "Paid Social"),
        ("ttclid:1", "Paid Social"),
        ("fbclid:1", "Organic Social"),
        ("Cj0KCQ", "Unassigned"),
        ("unheard:1", "Unassigned"),
    ],
)
def test_a_click_id_comes_by_the_ads_of_its_network(click_id: str, name: str) -> None:
    assert channel(click_id=click_id) == name


def test_a_click_id_makes_a_source_without_a_medium_paid() -> None:
    assert utm("youtube", click_id="gclid:1") == "Paid Video"
    assert utm("facebook", click_id="fbclid:1") == "Organic Social"
    assert utm("facebook", "cpc", click_id="fbclid:1") == "Paid Social"


def test_nothing_said_is_direct() -> None:
    assert channel() == "Direct"
    assert utm("", "", "", referrer="", click_id="") == "Direct"


def test_something_said_that_no_rule_knows_is_unassigned_and_not_direct() -> None:
    assert channel(campaign="spring") == "Unassigned"
    assert utm(None, "brochure") == "Unassigned"


def test_a_stated_channel_is_kept_as_it_is() -> None:
    assert utm("google", "cpc", channel="Partners") == "Partners"


def test_a_stated_empty_channel_is_blank() -> None:
    assert utm("google", "cpc", channel="") == BLANK


def test_an_email_is_email_and_an_engagement_is_social_whatever_else_they_say() -> None:
    assert channel("email_clicked", message="m", url="https://we.example/", utm_source="google", utm_medium="cpc") == "Email"
    assert channel("email_opened", message="m") == "Email"
    assert channel("social_engagement", network="linkedin", action="like") == "Organic Social"


def test_an_ad_is_paid_by_itself() -> None:
    assert channel("ad_click") == "Paid Other"
    assert channel("ad_click", utm_source="facebook") == "Paid Social"
    assert channel("ad_click", click_id="fbclid:1") == "Paid Social"
    assert channel("ad_click", click_id="gclid:1") == "Paid Search"
    assert channel("ad_impression", utm_medium="display") == "Display"


def test_who_met_us_did_not_come_by_way_of_the_web() -> None:
    assert channel("event_attended", event="fair", format="onsite") == "Unassigned"
    assert channel("event_attended", event="webinar", format="online", utm_source="linkedin") == "Organic Social"


def test_ones_own_pages_are_no_referrer() -> None:
    assert channel(referrer="https://we.example/pricing") == "Direct"
    assert channel(referrer="https://we.example.partner.example/") == "Referral"
    own = having(referrers={"own": ["other.example"]})
    assert channel_of(own, page(referrer="https://shop.other.example/")) == "Direct"


def test_rules_may_ask_for_brand_terms() -> None:
    rules = having(brand_terms=["Acme"], channels=[{"channel": "Brand", "when": {"brand": True}}])
    assert channel_of(rules, page(utm_source="google", utm_term="acme crm")) == "Brand"
    assert channel_of(rules, page(utm_source="google", utm_campaign="ACME-de")) == "Brand"
    assert channel_of(rules, page(utm_source="google", utm_term="crm")) == "Unassigned"


def test_the_host_of_a_referrer() -> None:
    assert [host_of(text) for text in ("https://A.example:8080/x", "a.example?x=https://b.example", "", "//a.example/x")] == [
        "a.example",
        "a.example",
        "",
        "",
    ]


# --- what the link says

SPRING = "https://we.example/?utm_source=google&utm_medium=cpc&utm_campaign=spring"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (SPRING, "Paid Search"),
        ("https://we.example/?gclid=Cj0", "Paid Search"),
        ("https://we.example/?a=1&GCLID=Cj0#top", "Paid Search"),
        ("https://we.example/?UTM_Source=Newsletter&utm_medium=E-Mail", "Email"),
        ("https://we.example/app#/start?utm_source=google&utm_medium=cpc", "Paid Search"),
        ("https://we.example/#utm_source=google&utm_medium=cpc", "Paid Search"),
        ("/start?utm_source=linkedin&utm_medium=paid%20social", "Paid Social"),
        ("https://we.example/?utm_campaign=spring", "Unassigned"),
        ("https://we.example/?utm_source=&utm_medium=+", "Direct"),
        ("https://we.example/?utm_source=a%00b", "Direct"),
        ("https://we.example/?utm_source=" + "a" * 513, "Direct"),
        ("https://we.example/?source=google&medium=cpc", "Direct"),
    ],
)
def test_the_tags_of_a_link_say_where_its_visitor_came_from(url: str, name: str) -> None:
    assert channel(url=url) == name


@pytest.mark.parametrize("type", ["page_view", "ad_click", "form_submitted", "content_view"])
def test_any_touchpoint_with_a_link_has_the_campaign_of_its_tags(type: str) -> None:
    said = {"form_submitted": {"form": "contact", "intent": "demo"}, "content_view": {"content": "guide"}}.get(type, {})
    about = saying(type, url=SPRING, **said).about
    aliased = having(campaign_aliases=[{"campaign": "spring-2026", "names": ["Spring"]}])
    assert campaign_of(default_definition(), about) == "spring"
    assert campaign_of(aliased, about) == "spring-2026"


def test_what_a_touchpoint_states_itself_holds_over_its_link() -> None:
    assert utm("facebook", url=SPRING) == "Paid Social"
    assert campaign_of(default_definition(), page(url=SPRING, utm_campaign="autumn").about) == "autumn"
    assert campaign_of(default_definition(), page(url=SPRING, campaign="autumn").about) == "autumn"
    assert channel(url=SPRING, channel="Print") == "Print"


# --- where people pay


@pytest.mark.parametrize(
    "referrer",
    ["https://www.paypal.com/checkoutnow", "https://checkout.stripe.com/c/1", "https://hooks.stripe.com/", "https://payments.amazon.com/"],
)
def test_where_people_only_pay_nobody_comes_from(referrer: str) -> None:
    assert channel(referrer=referrer) == "Direct"


def test_a_definition_says_where_people_pay() -> None:
    assert channel(referrer="https://bank.example/") == "Referral"
    payment = {**default_definition().referrers, "payment": ["bank.example"]}
    assert channel_of(having(referrers=payment), page(referrer="https://pay.bank.example/")) == "Direct"


# --- what a CRM says


@pytest.mark.parametrize(
    ("lead_source", "name"),
    [
        ("Organic Search", "Organic Search"),
        ("PAID_SEARCH", "Paid Search"),
        ("Direct Traffic", "Direct"),
        ("Referrals", "Referral"),
        ("Trade Show", "Events"),
        ("Web", "Website"),
        ("Offline Sources", "Offline"),
        ("the moon", "Unassigned"),
    ],
)
def test_a_lead_has_the_channel_of_the_source_that_a_crm_states(lead_source: str, name: str) -> None:
    assert channel("lead_created", lead="1", lead_source=lead_source) == name


# --- campaigns


def test_a_stated_campaign_wins_over_its_utm_name() -> None:
    assert campaign_of(default_definition(), page(campaign="spring", utm_campaign="spring26").about) == "spring"


def test_a_utm_name_is_the_campaign_that_it_is_an_alias_of() -> None:
    aliased = having(campaign_aliases=[{"campaign": "spring", "names": ["Spring26", "120210001"]}])
    assert campaign_of(aliased, page(utm_campaign="spring26").about) == "spring"
    assert campaign_of(aliased, page(utm_campaign="autumn").about) == "autumn"
    assert campaign_of(aliased, page().about) == ""


# --- what is left out


@pytest.mark.parametrize(
    "said",
    [
        {"bot": True},
        {"test": True},
        {"network": "internal"},
        {"network": "datacenter"},
        {"agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"agent": "curl/8.5.0"},
        {"agent": "Mozilla/5.0 HeadlessChrome/120"},
    ],
)
def test_bots_tests_and_own_networks_are_left_out(said: dict[str, Any]) -> None:
    assert excluded(default_definition(), page(**said).about)


@pytest.mark.parametrize("said", [{}, {"network": "other"}, {"agent": "Mozilla/5.0 (X11; Linux) Firefox/120"}, {"automated": True}])
def test_people_are_not_left_out(said: dict[str, Any]) -> None:
    assert not excluded(default_definition(), page(**said).about)


def test_the_network_of_an_engagement_is_a_social_one_and_about_network_where_it_was_sent_from() -> None:
    assert not excluded(default_definition(), saying("social_engagement", network="internal", action="like").about)
    assert excluded(default_definition(), saying("social_engagement", network="linkedin", action="like", about_network="internal").about)
