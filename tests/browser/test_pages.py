"""The pages as people open them, in a real Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from projections.figures.sections import SECTIONS
from tests.app.command import touch, wait_until
from tests.browser.conftest import Site, follow, log_in

PAGES = (
    "/marketing", "/sales", "/subjects", "/deals", "/leads", "/periods", "/dead-letters", "/imports", "/identity", "/names", "/definition",
    "/audit", "/status",
)  # fmt: skip


def one(window: Chrome, css: str) -> WebElement:
    return window.find_element(By.CSS_SELECTOR, css)


def texts(window: Chrome, css: str) -> list[str]:
    return [found.text for found in window.find_elements(By.CSS_SELECTOR, css)]


def until(condition: Callable[[], object]) -> None:
    wait_until(lambda: bool(condition()))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_heading_and_nothing_goes_wrong_on_it(window: Chrome, served: str, page: str) -> None:
    window.get_log("browser")
    window.get(served + page)
    assert one(window, "h1").text
    assert one(window, "nav a[aria-current=page]").get_attribute("href") == served + page
    assert [entry for entry in window.get_log("browser") if entry["level"] == "SEVERE"] == []


@contextmanager
def as_wide_as(window: Chrome, width: int) -> Iterator[None]:
    """A window itself is never as narrow as a phone."""
    size = {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": False}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", [420, 1200])
def test_no_page_is_wider_than_its_window(window: Chrome, served: str, width: int) -> None:
    window.get(f"{served}/subjects?id=user:1")
    story = window.current_url.removeprefix(served)
    with as_wide_as(window, width):
        for page in (*PAGES, story):
            window.get(served + page)
            seen = "return [window.innerWidth, document.documentElement.scrollWidth]"
            inner, whole = window.execute_script(seen)  # type: ignore[no-untyped-call]
            assert (inner, whole <= width) == (width, True), page


@pytest.mark.parametrize("width", [420, 1200])
def test_the_pages_are_in_one_line_in_which_the_one_that_is_open_is_seen(window: Chrome, served: str, width: int) -> None:
    with as_wide_as(window, width):
        for page in (PAGES[0], PAGES[-1]):
            window.get(served + page)
            assert len({link.rect["y"] for link in window.find_elements(By.CSS_SELECTOR, "header nav a")}) == 1
            left, right = window.execute_script(  # type: ignore[no-untyped-call]
                "const box = document.querySelector('header nav a[aria-current]').getBoundingClientRect(); return [box.left, box.right]"
            )
            assert 0 <= left < right <= width, page


@pytest.mark.parametrize("model", ["marketing", "sales"])
def test_a_report_has_its_sections_and_draws_what_is_by_period(window: Chrome, served: str, model: str) -> None:
    window.get(f"{served}/{model}")
    titles = {section.title for section in SECTIONS if section.model == model}
    assert {*texts(window, "section.card h2")} - {"Nothing yet in"} <= titles
    assert len(texts(window, "section.card h2")) > len(titles) / 2
    until(lambda: window.execute_script("return [...document.querySelectorAll('canvas')].every((one) => Chart.getChart(one))"))  # type: ignore[no-untyped-call]
    assert window.find_elements(By.TAG_NAME, "canvas")
    bars = "return [...document.querySelectorAll('td.bar')].map((one) => getComputedStyle(one).position)"
    assert {*window.execute_script(bars)} == {"static"}, "what holds an action bar in view holds no row"  # type: ignore[no-untyped-call]


def test_a_figure_is_filtered_broken_down_and_opened_down_to_its_touchpoints(window: Chrome, served: str) -> None:
    window.get(f"{served}/marketing")
    one(window, "#visits summary").click()
    follow(window, "#visits dl.key a")
    assert one(window, "h1").text == "Sessions"
    whole = int(one(window, "dl.key dd").text.replace(",", ""))
    one(window, "input[name=where]").send_keys("channel=Direct")
    one(window, "input[name=by]").send_keys("channel")
    follow(window, "form.ask button")
    assert texts(window, "#by tbody th") == ["Direct"]
    assert 0 < int(one(window, "dl.key dd").text.replace(",", "")) < whole
    window.execute_script("document.getElementById('why').scrollIntoView()")  # type: ignore[no-untyped-call]
    until(lambda: window.find_elements(By.CSS_SELECTOR, "#why details"))
    assert "says the same" in one(window, "#why").text
    one(window, "#why summary").click()
    assert "page_view" in one(window, "#why details").text
    follow(window, "#why summary a")
    assert one(window, "h1").text.startswith(("user:", "anon:"))
    assert texts(window, "ol.timeline li")


def test_what_a_sender_wrote_is_text_on_a_page(window: Chrome, served: str) -> None:
    window.get(f"{served}/subjects/user:%3Cb%3Ebold%3C/b%3E")
    assert one(window, "h1").text == "user:<b>bold</b>"
    assert window.find_elements(By.TAG_NAME, "b") == []
    assert "<script>alert(1)</script>" in one(window, "ol.timeline").text


def test_a_story_is_told_as_of_where_the_slider_stands(window: Chrome, served: str) -> None:
    window.get(f"{served}/subjects/user:%3Cb%3Ebold%3C/b%3E?until=2020-01-01")
    assert "Nothing up to then" in one(window, "ol.timeline").text


def test_a_dead_letter_is_opened_and_dismissed_with_a_reason(window: Chrome, served: str) -> None:
    window.get(f"{served}/dead-letters")
    numbers = texts(window, "tbody td:nth-child(2) a")
    follow(window, "tbody td:nth-child(2) a")
    assert one(window, "pre").text
    follow(window, "button[value=dismiss]")
    assert "a reason is needed" in one(window, "main").text
    window.get(f"{served}/dead-letters")
    one(window, f"input[value='{numbers[0]}']").click()
    one(window, "input[name=reason]").send_keys("sent by hand")
    follow(window, "button[value=dismiss]")
    assert "1 dismissed" in one(window, "main [role=status]").text
    assert texts(window, "tbody td:nth-child(2) a") == numbers[1:]


def publish(site: Site, event: bytes) -> None:
    headers = {"Authorization": f"Bearer {site.keys['publisher']}", "Content-Type": "application/cloudevents+json"}
    with urlopen(Request(site.address + "/events", event, headers)) as answer:
        assert answer.status == 200


def test_a_dead_letter_is_put_right_and_sent_again_and_its_customer_moves(window: Chrome, site: Site) -> None:
    event = touch("form_submitted", id="bad", subject="user:mended", at="2026-03-02T10:00:00Z", form="contact", intent="demo")
    publish(site, event.replace(b'"demo"', b'"a demo"'))

    def is_listed() -> bool:
        window.get(f"{site.address}/dead-letters")
        return "a demo" in one(window, "main").text

    until(is_listed)
    row = next(found for found in window.find_elements(By.CSS_SELECTOR, "tbody tr") if "a demo" in found.text)
    number = row.find_element(By.CSS_SELECTOR, "td:nth-child(2) a").text
    window.get(f"{site.address}/dead-letters/{number}")
    body = one(window, "textarea")
    said = body.get_attribute("value") or ""
    for text, told in (
        (said.replace("a demo", "nothing"), "can't be read|is no touchpoint"),
        (said.replace("a demo", "demo"), "1 came in"),
    ):
        body = one(window, "textarea")
        body.clear()
        body.send_keys(text)
        follow(window, "button[value='fix and requeue']")
        assert any(part in one(window, "main").text for part in told.split("|"))
    follow(window, "a[href='/subjects/user%3Amended']")
    window.get(f"{site.address}/subjects/user:mended?until=2026-03-03")
    assert one(window, "main .tag").text == "consideration"


def test_a_figure_tells_what_changed_it_and_what_was_told_of_a_closed_period_without_another_page(window: Chrome, site: Site) -> None:
    window.get(f"{site.address}/periods")
    one(window, "input[name=period]").send_keys("2025-02")
    one(window, "main input[name=reason]").send_keys("told to the board")
    follow(window, "main form button")
    assert "2025-02 is closed" in one(window, "main [role=status]").text
    publish(site, touch("page_view", id="late", subject="user:late", at="2025-02-03T10:00:00Z"))
    window.get(f"{site.address}/marketing/figures/sessions")
    one(window, "#changed input[name=since]").send_keys("99999")
    one(window, "#changed button").click()
    until(lambda: "is not there yet" in one(window, "#changes [role=alert]").text if texts(window, "#changes [role=alert]") else False)
    one(window, "#told button").click()
    until(lambda: texts(window, "#told-then td.causes"))
    assert "page_view late" in one(window, "#told-then td.causes").text
    assert texts(window, "#told-then thead th") == ["Figure", "as told", "as known now", "Difference", "By"]
    assert window.current_url == f"{site.address}/marketing/figures/sessions"


def test_a_definition_is_checked_where_it_is_written(window: Chrome, served: str) -> None:
    window.get(f"{served}/definition")
    for change, told in (("'many'", "problem"), ("4", "can be used")):
        window.execute_script(  # type: ignore[no-untyped-call]
            "const text = document.getElementById('text'); text.value = text.defaultValue.replace('times: 3', 'times: ' + arguments[0])",
            change,
        )
        one(window, "button[formaction]").click()
        until(lambda told=told: told in one(window, "#checked").text)
    assert "times: 4" in one(window, "#checked .added").text


def test_lines_stay_lines(window: Chrome, served: str) -> None:
    window.get(f"{served}/definition")
    assert "\nstages:\n" in (one(window, "textarea").get_attribute("value") or "")
    one(window, "summary").click()
    assert "\nstages:\n" in one(window, "pre").text
    window.get(f"{served}/identity?id=user:nobody")
    assert "nothing is known of" in one(window, "main .note").text


def test_what_is_not_there_is_said_on_a_page(window: Chrome, served: str) -> None:
    for address, said in (
        ("/marketing/figures/nope", "no figure 'nope'"),
        ("/sales?until=soon", "is no time"),
        ("/subjects/user:nobody", "nothing is known"),
    ):
        window.get(served + address)
        assert said in one(window, "main").text


def test_who_has_no_key_logs_in_and_comes_to_where_they_wanted(chrome: Chrome, site: Site) -> None:
    chrome.get(site.address + "/login")
    chrome.delete_all_cookies()
    chrome.get(site.address + "/sales?by=owner")
    one(chrome, "input[name=key]").send_keys("jk_forged")
    follow(chrome, "main button")
    assert "no key" in one(chrome, "[role=alert]").text
    one(chrome, "input[name=key]").send_keys(site.keys["sales"])
    follow(chrome, "main button")
    assert chrome.current_url == site.address + "/sales?by=owner"
    follow(chrome, "header form button")
    assert one(chrome, "h1").text == "Log in"


@pytest.mark.parametrize(
    ("role", "pages"),
    [("marketing", ["Marketing", "Customers", "Periods"]), ("sales", ["Sales", "Customers", "Deals", "Leads", "Periods"])],
)
def test_a_role_is_led_to_its_pages_and_refused_others(chrome: Chrome, site: Site, role: str, pages: list[str]) -> None:
    log_in(chrome, site, role)
    assert texts(chrome, "header nav a") == pages
    assert one(chrome, "h1").text == pages[0]
    chrome.get(site.address + "/dead-letters")
    assert "no right to operate" in one(chrome, "main").text


def test_a_page_says_that_there_is_something_new_also_where_nobody_moves(window: Chrome, site: Site) -> None:
    window.get(f"{site.address}/marketing")
    publish(site, touch("spend_recorded", id="s", subject="campaign:new", at="2026-03-02T10:00:00Z", amount="12.50", currency="EUR"))
    until(lambda: one(window, "#news").is_displayed())


def test_what_is_published_moves_a_customer_and_the_page_says_why(window: Chrome, site: Site) -> None:
    window.get(f"{site.address}/marketing")
    event = touch("form_submitted", id="f", subject="user:new", at="2026-03-02T10:00:00Z", form="contact", intent="demo")
    publish(site, event)
    until(lambda: one(window, "#news").is_displayed())
    follow(window, "#news")
    until(lambda: not one(window, "#news").is_displayed())

    def is_told() -> bool:
        window.get(f"{site.address}/subjects/user:new?until=2026-03-03")
        return "consideration" in one(window, "main").text

    until(is_told)
    assert "demo-or-trial-asked-for" in one(window, "main").text
    window.get(f"{site.address}/subjects/user:new?until=2026-03-03&stage=decision")
    assert "a deal that is open" in one(window, "main").text


def test_sections_of_a_group_open_by_keyboard_by_address_all_at_once_and_on_paper(window: Chrome, served: str) -> None:
    def opened() -> list[str]:
        return window.execute_script("return [...document.querySelectorAll('section.card:has(> details[open])')].map((one) => one.id)")  # type: ignore[no-any-return,no-untyped-call]

    window.get(f"{served}/marketing")
    assert ("audience" in opened(), "visits" in opened()) == (True, False)
    one(window, "#visits summary").send_keys(Keys.ENTER)
    assert "visits" in opened()
    window.get(f"{served}/sales")
    window.get(f"{served}/marketing#social")
    until(lambda: "social" in opened())
    one(window, "button[data-opens]").click()
    assert set(opened()) == {card.get_attribute("id") for card in window.find_elements(By.CSS_SELECTOR, "section.card:has(> details)")}
    one(window, "button[data-opens]").click()
    assert opened() == []
    window.execute_script("window.dispatchEvent(new Event('beforeprint'))")  # type: ignore[no-untyped-call]
    assert "visits" in opened()
    one(window, "nav.groups a:last-of-type").click()
    until(lambda: 0 < one(window, "#group-standing").rect["y"] - window.execute_script("return scrollY") < 1400)  # type: ignore[no-untyped-call]
    assert 0 <= one(window, "nav.groups").rect["y"] - window.execute_script("return scrollY") < 10, "it stays in view"  # type: ignore[no-untyped-call]
