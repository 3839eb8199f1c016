"""Golden cases of what people see and answer, of e-mail, and of what platforms, providers and the press state."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import CAMPAIGNS, Case, asked
from tests.projections.figures.tables import Rows

SECOND = 1_000_000
MILLION = 10**6
SPRING = {"from_on": "2026-03-01", "to_on": "2026-05-01"}


def shown(person: str, on: str, channel: str = "Display", campaign: str = "") -> dict[str, Any]:
    return {"person": person, "at": on, "channel": channel, "campaign": campaign, "ad": "a1"}


def report(provider: str, end_on: str, **said: int) -> dict[str, Any]:
    unsaid = dict.fromkeys(("impressions", "clicks", "reach", "views", "engagements", "followers"), -1)
    return {"provider": provider, "start_on": end_on[:8] + "01", "end_on": end_on, **unsaid, **said}


def mail(step: str, person: str, message: str, on: str, **more: Any) -> dict[str, Any]:
    return {"step": step, "person": person, "message": message, "at": on, **more}


def viewed(person: str, content: str, on: str, progress: int = -1, took: int = -1, step: str = "viewed") -> dict[str, Any]:
    return {"person": person, "content": content, "at": on, "step": step, "progress_millionths": progress, "took": took}


def answer(subject: str, kind: str, score: float, scale: tuple[int, int], on: str, **more: Any) -> dict[str, Any]:
    low, high = scale
    said = {"score_millionths": round(score * MILLION), "scale_min_millionths": low * MILLION, "scale_max_millionths": high * MILLION}
    named = {"step": "answered", "survey": "s", "wave": "w1", "question": "q", "respondents": -1}
    return {"subject": subject, "survey_kind": kind, "at": on, **named, **said, **more}


def sent(subject: str, on: str, wave: str = "w1") -> dict[str, Any]:
    return {"step": "sent", "subject": subject, "survey": "s", "wave": wave, "at": on}


def insight(basis: str, competitor: str, value: int, total: int = -1, end_on: str = "2026-03-31", **more: Any) -> dict[str, Any]:
    series = {"provider": "panelwise", "metric": "share_of_voice", "market": "dach", "start_on": end_on[:8] + "01", "end_on": end_on}
    return {**series, "basis": basis, "competitor": competitor, "value_thousandths": value, "total_thousandths": total, **more}


EXPOSED: Rows = {
    **CAMPAIGNS,
    "exposed": [
        shown("user:1", "2026-03-01", campaign="fall"),
        shown("user:1", "2026-03-02"),
        # Shown twice in one instant.
        shown("user:1", "2026-03-03", "Paid Social") | {"n": 2},
        shown("user:2", "2026-03-04"),
        shown("user:3", "2026-07-01"),
    ],
}
REPORTED: Rows = {
    "media_reports": [
        report("google", "2026-03-31", impressions=1000, clicks=20, reach=400),
        report("google", "2026-04-30", impressions=500, reach=300),
        report("meta", "2026-03-31", impressions=100, clicks=0, engagements=7, followers=50),
        # Its period is not over.
        report("meta", "2026-07-31", impressions=9, clicks=9, reach=9, engagements=9, followers=9),
    ]
}
MAILED: Rows = {
    **CAMPAIGNS,
    "emailed": [
        mail("sent", "user:1", "m1", "2026-03-01", campaign="fall"),
        mail("delivered", "user:1", "m1", "2026-03-01 00:01", campaign="fall"),
        # Delivered twice, opened three times, one of them by a machine: one message.
        mail("delivered", "user:1", "m1", "2026-03-01 00:02", campaign="fall"),
        mail("opened", "user:1", "m1", "2026-03-01 00:03", is_machine=1),
        mail("opened", "user:1", "m1", "2026-03-02"),
        mail("opened", "user:1", "m1", "2026-03-03"),
        mail("clicked", "user:1", "m1", "2026-03-03", campaign="other"),
        # Opened by a machine alone; then unwanted.
        mail("sent", "user:2", "m1", "2026-03-01"),
        mail("delivered", "user:2", "m1", "2026-03-01"),
        mail("opened", "user:2", "m1", "2026-03-01", is_machine=1),
        mail("unsubscribed", "user:2", "m1", "2026-03-02"),
        mail("complained", "user:2", "m1", "2026-03-02"),
        mail("sent", "user:3", "m1", "2026-03-31 23:59"),
        mail("bounced", "user:3", "m1", "2026-04-01", bounce="hard"),
        # Opened by a person without a word of its delivery, and clicked later than is asked.
        mail("sent", "user:4", "m2", "2026-04-02"),
        mail("opened", "user:4", "m2", "2026-04-02"),
        mail("delivered", "user:5", "m2", "2026-04-02"),
        mail("opened", "user:5", "m2", "2026-04-03"),
        mail("clicked", "user:5", "m2", "2026-07-01"),
    ],
}
REACTED: Rows = {
    "social_engaged": [
        {"person": "user:1", "at": "2026-03-01", "network": "x", "action": "like"},
        {"person": "user:1", "at": "2026-03-02", "network": "x", "action": "reply", "sentiment": "-0.5", "sentiment_millionths": -500_000},
        {"person": "user:2", "at": "2026-03-03", "network": "y", "action": "reply", "sentiment": "0", "sentiment_millionths": 0},
    ]
}
READ: Rows = {
    "content_seen": [
        viewed("user:1", "guide", "2026-03-01", MILLION, 60 * SECOND),
        viewed("user:1", "guide", "2026-03-02", 250_000, 20 * SECOND),
        viewed("user:2", "guide", "2026-03-02"),
        viewed("user:2", "tour", "2026-03-02", MILLION - 1),
        viewed("user:2", "guide", "2026-03-03", step="downloaded", progress=MILLION),
    ],
    "described": [{"subject": "content:guide", "field": "title", "at": "2026-01-01", "value": "The guide"}],
}
NPS, CSAT, CES = (0, 10), (1, 5), (1, 7)
ANSWERED: Rows = {
    "survey_steps": [
        sent("user:1", "2026-03-01"),
        sent("user:1", "2026-03-02"),
        sent("user:2", "2026-03-31 23:59"),
        sent("user:3", "2026-04-01"),
        sent("user:3", "2026-04-01", "w2"),
        sent("company:self", "2026-03-01"),
        # The last answer counts.
        answer("user:1", "nps", 3, NPS, "2026-03-03"),
        answer("user:1", "nps", 9, NPS, "2026-03-04"),
        answer("user:2", "nps", 6, NPS, "2026-04-02"),
        answer("user:3", "nps", 10, NPS, "2026-04-02"),
        # Asked once more, by a survey whose question has no text.
        answer("user:7", "csat", 2, CSAT, "2026-04-02", question="", wave="w3"),
        sent("user:7", "2026-04-03", "w3"),
        # Beyond its scale.
        answer("user:3", "ces", 8, CES, "2026-04-02", question="easy"),
        # Whom nobody asked.
        answer("user:4", "nps", 8, NPS, "2026-04-02"),
        # On another scale, and of a panel.
        answer("user:5", "nps", 5, (1, 5), "2026-04-02", wave="w2"),
        answer("company:self", "nps", 10, NPS, "2026-04-02", respondents=400),
        answer("user:1", "csat", 4, CSAT, "2026-03-04", question="satisfied"),
        answer("user:2", "csat", 3.5, CSAT, "2026-03-04", question="satisfied"),
        answer("user:3", "csat", 4, (0, 10), "2026-03-04", question="satisfied"),
        answer("user:1", "ces", 7, CES, "2026-03-04", question="easy"),
        answer("user:2", "ces", 4, CES, "2026-03-04", question="easy"),
        answer("user:6", "ces", 1, CES, "2026-07-04", question="easy"),
    ]
}
KNOWN: Rows = {
    "survey_steps": [
        answer("company:self", "aided", 0.2, (0, 1), "2026-03-01", about="us", respondents=300),
        answer("company:self", "aided", 0.4, (0, 1), "2026-04-01", about="us", respondents=100, wave="w2"),
        answer("company:self", "aided", 0.9, (0, 1), "2026-03-01", about="them", respondents=300),
        answer("company:self", "unaided", 0.05, (0, 1), "2026-03-01", about="us", respondents=300, question="which"),
        answer("user:1", "aided", 1, (0, 1), "2026-03-01", about="us", respondents=9),
        answer("user:2", "aided", 0, (0, 1), "2026-03-01", about="us"),
        # Beyond its scale, on a scale beyond all bounds, and of a panel of nobody.
        answer("user:3", "aided", 3, (0, 1), "2026-03-01", about="us"),
        answer("company:self", "aided", 10**11, (0, 10**12), "2026-05-01", about="us", respondents=2**53, wave="w3"),
        answer("company:self", "aided", 1, (0, 1), "2026-06-01", about="us", respondents=0, wave="w4"),
    ]
}
MARKET: Rows = {
    "insights": [
        insight("mentions", "", 150, 1000),
        insight("mentions", "rival", 300, 900),
        insight("mentions", "", 250, 1000, "2026-04-30"),
        insight("searches", "", 5, 50),
        # Whose market's total nobody states.
        insight("revenue", "", 7),
        insight("revenue", "rival", 9, 90),
        insight("mentions", "", 999, 1000, "2026-07-31"),
        insight("revenue", "", 1, 4, metric="revenue_of_all"),
        # In another currency than our own row is.
        insight("spend", "", 5, 50, currency="EUR"),
        insight("spend", "rival", 10, 60, currency="USD"),
    ]
}
PRESSED: Rows = {
    "press_mentioned": [
        {"at": "2026-03-01", "outlet": "times", "sentiment": "0.5", "sentiment_millionths": 500_000, "n": 2},
        {"at": "2026-03-02", "outlet": "times", "sentiment": "-0.1", "sentiment_millionths": -100_000},
        {"at": "2026-03-02", "outlet": "post", "competitor": "rival"},
        {"at": "2026-07-02", "outlet": "post"},
    ]
}
VOICE = {("mentions",): Fraction(1, 5), ("revenue",): None, ("searches",): None, ("spend",): Fraction(1, 10)}

CASES = (
    Case("5 shown up to the end of June", "impressions", EXPOSED, {("Display",): 3, ("Paid Social",): 2}, asked("channel")),
    Case(
        "by channel a person is in each",
        "reach",
        EXPOSED,
        {("Display",): 2, ("Paid Social",): 1},
        asked("channel"),
    ),
    Case("not the sum of the channels", "reach", EXPOSED, {(): 2}),
    Case("5 / 2 people", "frequency", EXPOSED, {(): Fraction(5, 2)}),
    Case("as stated", "stated_impressions", REPORTED, {("google",): 1500, ("meta",): 100}, asked("provider")),
    Case("only of those that state them", "stated_clicks", REPORTED, {("google",): 20, ("meta",): 0}, asked("provider")),
    Case(
        "20 / 1000: April states no clicks",
        "stated_click_rate",
        REPORTED,
        {("google",): Fraction(1, 50), ("meta",): 0},
        asked("provider"),
    ),
    Case(
        "of one report its number",
        "stated_reach",
        REPORTED,
        {("2026-03",): 400, ("2026-04",): 300},
        asked("month", **SPRING),
    ),
    Case("of two there is none", "stated_reach", REPORTED, {(): None}),
    Case("7 / 100", "stated_engagement_rate", REPORTED, {(): Fraction(7, 100)}),
    Case("of one report its number", "stated_followers", REPORTED, {(): 50}),
    Case("each once, when first sent", "emails_sent", MAILED, {("",): 3, ("hard",): 1}, asked("bounce")),
    Case(
        "by when they first arrived",
        "emails_delivered",
        MAILED,
        {("2026-03",): 2, ("2026-04",): 1},
        asked("month", **SPRING),
    ),
    Case("by people: 2 of 3", "email_open_rate", MAILED, {(): Fraction(2, 3)}),
    Case("by machines alone: 1 of 3", "email_machine_open_rate", MAILED, {(): Fraction(1, 3)}),
    Case(
        "the campaign is that of the message, and no click counts that is yet to come",
        "email_click_rate",
        MAILED,
        {("",): 0, ("autumn",): 1},
        asked("campaign"),
    ),
    Case("1 of the 2 that people opened", "email_click_to_open", MAILED, {(): Fraction(1, 2)}),
    Case("1 of 4 sent", "email_bounce_rate", MAILED, {(): Fraction(1, 4)}),
    Case("1 of 3", "email_unsubscribe_rate", MAILED, {(): Fraction(1, 3)}),
    Case("1 of 2 in March", "email_complaint_rate", MAILED, {(): Fraction(1, 2)}, asked(to_on="2026-04-01")),
    Case("1", "emails_clicked", MAILED, {("m1",): 1, ("m2",): 0}, asked("message")),
    Case("dated by when it was sent", "emails_bounced", MAILED, {(): 1}, asked(to_on="2026-04-01")),
    Case("each time", "email_opens", MAILED, {("machine",): 2, ("person",): 4}, asked("opened_by")),
    Case("3 reactions", "social_reactions", REACTED, {("like",): 1, ("reply",): 2}, asked("action")),
    Case("2 people", "social_people", REACTED, {(): 2}),
    Case("(-0.5 + 0) / 2, without the one that states none", "social_sentiment", REACTED, {(): Fraction(-1, 4)}),
    Case("a download is no view", "content_views", READ, {("guide",): 3, ("tour",): 1}, asked("content")),
    Case("1", "content_downloads", READ, {("guide",): 1, ("tour",): 0}, asked("content")),
    Case("2 people, each in both", "content_people", READ, {("guide",): 2, ("tour",): 1}, asked("content")),
    Case("1 of the 3 that say how far they came", "content_completion", READ, {(): Fraction(1, 3)}),
    Case("20 s and 60 s", "time_on_content", READ, {(): (40 * SECOND, 56 * SECOND)}),
    Case("9 and 10 of 4 answers less the 6: 100 x (2 - 1) / 4", "nps", ANSWERED, {(): 25}),
    Case("4 of (4, 3.5, 2)", "csat", ANSWERED, {(): Fraction(1, 3)}),
    Case("(7 + 4) / 2", "ces", ANSWERED, {(): Fraction(11, 2)}),
    Case("7 of (7, 4)", "ces_easy", ANSWERED, {(): Fraction(1, 2)}),
    Case("4 of nps, 1 of another scale, 4 of csat, 3 of ces", "survey_answers", ANSWERED, {(): 12}),
    Case(
        "of user:4, and of user:5 in a wave of their own", "answers_unasked", ANSWERED, {("w1",): 1, ("w2",): 1, ("w3",): 0}, asked("wave")
    ),
    Case(
        "asked twice is asked once; who was asked in March answered in April",
        "response_rate",
        ANSWERED,
        {("2026-03",): 1, ("2026-04",): Fraction(2, 3)},
        asked("month", **SPRING),
    ),
    Case(
        "(0.2 x 300 + 0.4 x 100) / 400, and people apart",
        "brand_awareness",
        KNOWN,
        {
            ("aided", "them", "panel"): Fraction(9, 10),
            ("aided", "us", "panel"): Fraction(1, 4),
            ("aided", "us", "people"): Fraction(1, 2),
            ("unaided", "us", "panel"): Fraction(1, 20),
        },
        asked("measured", "about", "asked_of"),
    ),
    Case("what is not alike is not mixed", "brand_awareness", KNOWN, {("them",): Fraction(9, 10), ("us",): None}, asked("about")),
    Case("(150 + 250) / 2000; nothing of both together", "share_of_voice", MARKET, VOICE, asked("basis")),
    Case("mentions and spend are not mixed", "share_of_voice", MARKET, {(): None}),
    Case("5 / 50", "share_of_search", MARKET, {(): Fraction(1, 10)}),
    Case("no total, and another metric", "market_share", MARKET, {(): Fraction(1, 4)}),
    Case(
        "of the total that our own row states",
        "competitor_share",
        MARKET,
        {("mentions",): Fraction(3, 10), ("revenue",): None, ("spend",): None},
        asked("basis", where=(Where("competitor", ("rival",)),)),
    ),
    Case("of us, twice in one instant", "press_mentions", PRESSED, {("ourselves",): 3, ("rival",): 1}, asked("competitor")),
    Case("(0.5 + 0.5 - 0.1) / 3", "press_sentiment", PRESSED, {(): Fraction(3, 10)}),
)
