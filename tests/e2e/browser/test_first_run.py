"""The first minutes: the box is claimed through its link, and after that one signs in and out."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.browser.conftest import EMAIL, NAME, PASSWORD
from tests.e2e.browser.watch import Watch

pytestmark = pytest.mark.browser


@pytest.fixture
def stranger(profile: BrowserContext, watch: Watch) -> BrowserContext:
    """A browser that knows nobody, watched."""
    del watch  # only asked for so that it watches
    return profile


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_whoever_claimed_the_box_finds_the_sample_and_owns_the_house(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url("/workflows")
    expect(page.get_by_role("link", name="Picture story")).to_be_visible()
    page.get_by_role("button", name=f"Account of {NAME}").first.click()
    menu = page.get_by_role("menu")
    expect(menu).to_contain_text(EMAIL)
    expect(menu).to_contain_text("Owner")
    expect(menu).to_contain_text("Runs this box")


def test_the_setup_link_works_once(stranger: BrowserContext, setup_link: str) -> None:
    page = stranger.new_page()
    page.goto(setup_link)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_answered_with_a_sentence(stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto("/login")
    sign_in(page, "something else entirely")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_label("Email")).to_have_value(EMAIL)


def test_signing_in_leads_to_where_one_wanted_to_go(stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto("/assets?kind=image")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, PASSWORD)
    expect(page).to_have_url("/assets?kind=image")
    expect(page.get_by_role("list", name="Assets").get_by_role("button").first).to_be_visible()


def test_a_link_cannot_send_people_elsewhere_after_signing_in(stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto("/login?to=//evil.example/")
    sign_in(page, PASSWORD)
    expect(page).to_have_url("/workflows")


def test_after_signing_out_nothing_is_shown_any_more(stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto("/workflows")
    sign_in(page, PASSWORD)
    page.get_by_role("button", name=f"Account of {NAME}").first.click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/workflows")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not stranger.cookies()


def test_no_token_lies_where_scripts_can_read_it(page: Page) -> None:
    page.goto("/workflows")
    expect(page.get_by_role("heading", name="Workflows", exact=True)).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("JSON.stringify([localStorage, sessionStorage])").find("ey") < 0


def test_a_sign_in_is_renewed_without_anybody_noticing(page: Page) -> None:
    page.goto("/workflows")
    page.get_by_role("link", name="Picture story").wait_for()
    page.context.clear_cookies(name="studio_access")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Assets").click()
    expect(page.get_by_role("list", name="Assets")).to_be_visible()
    assert "studio_access" in {cookie.get("name") for cookie in page.context.cookies()}


def test_when_a_sign_in_has_ended_the_door_remembers_the_way(page: Page) -> None:
    page.goto("/workflows")
    page.get_by_role("link", name="Picture story").wait_for()
    page.context.clear_cookies()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Assets").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, PASSWORD)
    expect(page.get_by_role("heading", name="Assets")).to_be_visible()
