"""The vocabulary's names are promises: what each type must carry, and may."""

from dataclasses import MISSING, fields

import orjson
import pytest

from journey.touchpoints import TYPES, About, PageView, field_names, is_statement
from schemas.decode import Unreadable, decode
from tests.examples import EXAMPLES, example

VOCABULARY = """
page_view             url title? view? kind?
page_engaged          url|view seconds
ad_impression         ad? placement? term? viewable? cost?
ad_click              ad? placement? term? viewable? cost?
media_reported        period_start period_end provider impressions? clicks? reach? views? engagements? followers? query? ad?
email_sent            message campaign?
email_delivered       message campaign?
email_bounced         message kind campaign?
email_opened          message machine? campaign?
email_clicked         message url campaign?
email_unsubscribed    message campaign?
email_complained      message campaign?
social_engagement     network action post? sentiment?
content_published     title format topics answers? stage? cost? audience? content?
content_view          content seconds? progress?
content_download      content seconds? progress?
event_registered      event format minutes?
event_attended        event format minutes?
form_started          form intent
form_submitted        form intent
survey_sent           survey wave
survey_answered       survey wave kind question score scale_min scale_max choice? text? about? respondents?
referral              by|partner code?
signed_up
trial_started         plan ends_at
product_used          feature count?
product_viewed
cart_updated          items value? currency?
checkout_started
campaign_launched     campaign name channels objective start_on end_on? budget? currency? topics? segment? aliases?
campaign_ended        campaign reason?
spend_recorded        period_start period_end amount currency function kind ad? provider? channel? campaign?
press_mention         outlet reach? sentiment? topics? competitor?
market_insight        metric basis market period_start period_end value provider competitor? total?
target_set            metric period_start period_end value currency? owner? team? channel? campaign?
fx_rate               base quote rate on
lead_created          lead lead_source intent?
lead_assigned         lead? owner|queue team due_at?
lead_accepted         owner lead?
lead_rejected         reason lead? note? nurture_until?
lead_recycled         reason lead? note? nurture_until?
lead_disqualified     reason lead? note? nurture_until?
lead_scored           grade by lead?
lead_qualified        owner lead? budget? authority? need? timeline?
prospected            owner method list? sequence?
message               lead? medium direction automated outcome?
call                  lead? owner direction outcome seconds?
meeting               lead? owner starts_at status kind? seconds? people?
demo                  lead? owner starts_at status kind? seconds? people?
activity_scheduled    activity kind due_at owner status?
need_stated           topic need? severity? text?
objection_raised      objection topic competitor? text?
objection_handled     objection|topic outcome content?
proposal_sent         deal proposal version amount currency list_amount? discount? valid_until? products?
negotiation           deal by amount? currency? discount? terms?
follow_up             owner outcome deal? order? activity? kind? step?
deal_opened           deal pipeline stage? stage_outcome? amount currency expected_close_on owner kind team? account? people? probability?
                      products? lead?
deal_updated          deal stage? stage_outcome? amount? currency? expected_close_on? probability? forecast_category? owner? team?
                      competitors? products? next_step? people?
close                 deal outcome amount currency reason? competitor? products? margin? stated_at?
deal_reopened         deal stage reason?
order_placed          order amount currency stated_at? margin? cost? products? deal?
refund                order|deal amount currency refund? stated_at? reason?
subscription_started  subscription mrr currency plan term_start_on term_end_on? auto_renew? deal?
subscription_changed  subscription mrr currency plan effective_on? deal?
renewal               subscription term_end_on mrr currency effective_on?
contract_ended        subscription ended_on reason kind
support_ticket        ticket status category priority
identified            other method? reason? presumed?
unlinked              other method? reason?
account_joined        account role?
account_left          account role?
profile_updated       country? region? language? age_band? gender? job_title? seniority? department? lead_source? traits?
account_updated       name? domain? industry? employees? revenue_band? tier? country? owner? team?
seller_updated        owner from team? manager? active?
consent_given         purpose basis text_version channel? expires_at? evidence?
consent_withdrawn     purpose basis text_version channel? expires_at? evidence?
retracted             of_source of_id reason by
custom                name value? currency? properties?
"""
"""`x` required, `x?` optional, `a|b` one of: from the list that the project was started with."""

COMMON = """channel campaign content deal account owner team products session utm_source utm_medium utm_campaign utm_term utm_content
click_id referrer agent network bot automated test"""

STATED_BY = {
    "media_reported": "provider channel campaign ad query period_start period_end",
    "content_published": "content",
    "campaign_launched": "campaign",
    "spend_recorded": "provider function kind channel campaign ad period_start period_end",
    "market_insight": "provider metric basis market competitor period_start period_end",
    "target_set": "metric owner team channel campaign period_start period_end",
    "fx_rate": "base quote on",
    "activity_scheduled": "activity",
    "seller_updated": "owner",
}


def _parsed() -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for line in VOCABULARY.strip().splitlines():
        words = line.split()
        name = list(parsed)[-1] if line.startswith(" ") else words.pop(0)
        parsed.setdefault(name, []).extend(words)
    return parsed


WORDS = _parsed()


def _without(type_name: str, *names: str) -> bytes:
    sent = example(type_name)
    sent["data"] = {name: value for name, value in sent["data"].items() if name not in names}
    return orjson.dumps(sent)


def test_the_vocabulary_is_the_one_that_was_promised():
    assert list(TYPES) == list(WORDS) == list(EXAMPLES)


@pytest.mark.parametrize("type_name", WORDS)
def test_a_type_names_every_field_that_was_promised(type_name):
    promised = {name for word in WORDS[type_name] for name in word.rstrip("?").split("|")}
    assert (promised | set(COMMON.split())) - field_names(TYPES[type_name]).keys() == set()


@pytest.mark.parametrize("type_name", WORDS)
def test_a_type_requires_what_it_must_carry_and_nothing_else(type_name):
    kind = TYPES[type_name]
    wire = {ours: name for name, ours in field_names(kind).items()}
    required = {wire[field.name] for field in fields(kind) if field.default is MISSING}
    assert required == {word for word in WORDS[type_name] if not word.endswith("?") and "|" not in word}


@pytest.mark.parametrize("type_name", WORDS)
def test_without_a_field_that_it_must_carry_it_is_unreadable(type_name):
    for word in WORDS[type_name]:
        if not word.endswith("?"):
            with pytest.raises(Unreadable, match=word.replace("|", ", ")):
                decode(_without(type_name, *word.split("|")))


def test_statements_are_keyed_as_promised():
    assert {name: " ".join(kind.stated_by) for name, kind in TYPES.items() if is_statement(kind)} == STATED_BY


@pytest.mark.parametrize("type_name", EXAMPLES)
def test_every_example_is_read_and_names_nothing_unknown(type_name):
    decoded = decode(orjson.dumps(example(type_name)))
    assert decoded.touch.type == type_name
    assert decoded.unknown == ()


@pytest.mark.parametrize("outcome", ["lost", "abandoned"])
def test_a_deal_that_is_not_won_needs_a_reason(outcome):
    with pytest.raises(Unreadable, match="reason"):
        decode(orjson.dumps(example("close", outcome=outcome)))
    assert decode(orjson.dumps(example("close", outcome=outcome, reason="price"))).touch.data.outcome == outcome


def test_a_value_of_our_own_making_needs_no_currency_and_money_does():
    assert decode(orjson.dumps(example("custom", value=7))).touch.data.minor("value") is None
    with pytest.raises(Unreadable, match="currency"):
        decode(orjson.dumps(example("cart_updated", value="80.00", currency=None)))


@pytest.mark.parametrize("amount", ["12.345", "1e999", "1e-3", " 12 ", "1_000", "NaN", "", "١٢", 12.345, True, None, "9" * 29])
def test_an_amount_is_written_in_digits_to_the_minor_unit(amount):
    with pytest.raises(Unreadable, match=r"data\.amount|data: amount|12\.345 EUR|0\.001 EUR"):
        decode(orjson.dumps(example("refund", amount=amount)))


def test_an_order_and_a_refund_are_not_negative_and_what_is_right_is_said():
    for type_name, cure in (("order_placed", "send a refund"), ("refund", "without a sign")):
        with pytest.raises(Unreadable, match=cure) as refused:
            decode(orjson.dumps(example(type_name, amount="-0.50")))
        assert refused.value.code == "negative-amount"
        assert decode(orjson.dumps(example(type_name, amount="0"))).touch.data.minor("amount") == 0


@pytest.mark.parametrize("day", ["2026-3-01", "20260301", "2026-02-30", "1700006400", 20513, "2026-03-01T00:00:00Z"])
def test_a_day_is_written_as_a_day(day):
    with pytest.raises(Unreadable, match=r"data\.on"):
        decode(orjson.dumps(example("fx_rate", on=day)))


@pytest.mark.parametrize("time", ["2026-03-16T10:00:00", "1773655200", 1773655200, "2026-03-16", "2026-03-16T10:00:60Z"])
def test_a_time_in_the_data_is_written_like_the_time_of_the_touchpoint(time):
    with pytest.raises(Unreadable, match=r"data\.ends_at"):
        decode(orjson.dumps(example("trial_started", ends_at=time)))


def test_a_value_shows_what_it_says_and_no_more():
    assert repr(PageView(url="/pricing", kind="page")) == "PageView(url='/pricing')"
    assert repr(About(url="/pricing", bot=False)) == "About(url='/pricing')"
