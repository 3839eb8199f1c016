"""The pages as people open them, in a real Chromium."""

from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from projections.figures.sections import SECTIONS
from tests.app.command import wait_until

PAGES = ("/marketing", "/sales", "/subjects", "/dead-letters", "/imports", "/identity", "/names", "/definition", "/status")


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


@pytest.mark.parametrize("width", [420, 1200])
def test_no_page_is_wider_than_its_window(window: Chrome, served: str, width: int) -> None:
    window.set_window_size(width, 1400)
    try:
        for page in PAGES:
            window.get(served + page)
            assert window.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), page  # type: ignore[no-untyped-call]
    finally:
        window.set_window_size(1200, 1400)


@pytest.mark.parametrize("model", ["marketing", "sales"])
def test_a_report_has_its_sections_and_draws_what_is_by_period(window: Chrome, served: str, model: str) -> None:
    window.get(f"{served}/{model}")
    titles = {section.title for section in SECTIONS if section.model == model}
    assert {*texts(window, "section.card h2")} - {"Nothing yet in"} <= titles
    assert len(texts(window, "section.card h2")) > len(titles) / 2
    until(lambda: window.execute_script("return [...document.querySelectorAll('canvas')].every((one) => Chart.getChart(one))"))  # type: ignore[no-untyped-call]
    assert window.find_elements(By.TAG_NAME, "canvas")


def test_a_figure_is_filtered_broken_down_and_opened_down_to_its_touchpoints(window: Chrome, served: str) -> None:
    window.get(f"{served}/marketing")
    one(window, "#visits dl.key a").click()
    assert one(window, "h1").text == "Sessions"
    whole = int(one(window, "dl.key dd").text.replace(",", ""))
    one(window, "input[name=where]").send_keys("channel=Direct")
    one(window, "input[name=by]").send_keys("channel")
    one(window, "form.ask button").click()
    assert texts(window, "#by tbody th") == ["Direct"]
    assert 0 < int(one(window, "dl.key dd").text.replace(",", "")) < whole
    window.execute_script("document.getElementById('why').scrollIntoView()")  # type: ignore[no-untyped-call]
    until(lambda: window.find_elements(By.CSS_SELECTOR, "#why details"))
    assert "says the same" in one(window, "#why").text
    one(window, "#why summary").click()
    assert "page_view" in one(window, "#why details").text
    one(window, "#why summary a").click()
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
    one(window, "tbody td:nth-child(2) a").click()
    assert one(window, "pre").text
    one(window, "button[value=dismiss]").click()
    assert "a reason is needed" in one(window, "main").text
    window.get(f"{served}/dead-letters")
    one(window, f"input[value='{numbers[0]}']").click()
    one(window, "input[name=reason]").send_keys("sent by hand")
    one(window, "button[value=dismiss]").click()
    assert "1 dismissed" in one(window, "[role=status]").text
    assert texts(window, "tbody td:nth-child(2) a") == numbers[1:]


def test_what_is_not_there_is_said_on_a_page(window: Chrome, served: str) -> None:
    for address, said in (
        ("/marketing/figures/nope", "no figure 'nope'"),
        ("/sales?until=soon", "is no time"),
        ("/subjects/user:nobody", "nothing is known"),
    ):
        window.get(served + address)
        assert said in one(window, "main").text
