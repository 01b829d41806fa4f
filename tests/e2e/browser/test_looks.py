"""The same rooms by night, on a telephone, by keyboard and for a reader of roles and names."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NAME

pytestmark = pytest.mark.browser

ROOMS = (
    *("/workflows", "/workflows/new", "/instances", "/triggers", "/assets", "/system", "/nowhere"),
    *("/logs", "/notifications"),
    *("/retention", "/audit", "/backups", "/upgrades"),
)

# Controls and pictures that a reader of names could not tell from one another.
NAMELESS = """() => {
  const named = (e) => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.labels?.length
    || e.textContent.trim() || (e.tagName === 'IMG' && e.hasAttribute('alt'));
  return [...document.querySelectorAll('button, a[href], input, select, textarea, [role=textbox], img')]
    .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true]') && !named(e))
    .map((e) => e.outerHTML.slice(0, 200));
}"""


def test_the_theme_is_chosen_kept_and_painted_before_anything_else(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/workflows")
    root = page.locator("html")
    expect(root).not_to_have_class("dark")
    page.get_by_role("button", name=f"Account of {NAME}").first.click()
    page.get_by_role("menuitemradio", name="Dark").click()
    expect(root).to_have_class("dark")
    page.goto("/assets", wait_until="commit")
    page.wait_for_function("() => document.documentElement.classList.contains('dark')")
    page.goto("/workflows")
    page.get_by_role("button", name=f"Account of {NAME}").first.click()
    page.get_by_role("menuitemradio", name="As the system").click()
    expect(root).not_to_have_class("dark")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_class("dark")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_fits_a_telephone(page: Page, room: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(room)
    page.get_by_role("heading", level=1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Instances")).to_be_visible()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_one_heading_one_main_and_names_for_its_controls(page: Page, room: str) -> None:
    page.goto(room)
    page.get_by_role("heading", level=1).wait_for()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    nameless = page.evaluate(NAMELESS)
    assert nameless == []


def test_the_rooms_can_be_walked_by_keyboard(page: Page) -> None:
    page.goto("/workflows")
    page.get_by_role("link", name="Picture story").wait_for()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Import")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New workflow")).to_be_focused()
    page.get_by_role("link", name="Picture story").focus()
    page.keyboard.press("Enter")
    tab = page.get_by_role("tab", name="Run")
    tab.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Graph")).to_have_attribute("aria-selected", "true")


def test_the_rooms_stand_in_groups_that_a_keyboard_opens_and_a_telephone_shows_in_a_sheet(page: Page) -> None:
    page.goto("/workflows")
    ways = page.get_by_role("navigation", name="Main")
    box = ways.get_by_role("button", name="Box")
    expect(ways.get_by_role("link", name="Logs")).to_be_hidden()
    box.focus()
    page.keyboard.press("Enter")
    ways.get_by_role("link", name="Logs").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Logs", level=1)).to_be_visible()
    page.goto("/audit")
    expect(ways.get_by_role("link", name="Audit")).to_have_attribute("aria-current", "page")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="More").click()
    sheet = page.get_by_role("dialog", name="Go to")
    sheet.get_by_role("link", name="Retention").click()
    expect(page.get_by_role("heading", name="Retention", level=1)).to_be_visible()
    expect(sheet).to_have_count(0)


def test_an_address_where_nothing_is_says_so(page: Page) -> None:
    page.goto("/nowhere")
    expect(page.get_by_role("heading", name="There is nothing under this address")).to_be_visible()
    page.goto("/instances/00000000-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading", name="There is nothing under this address")).to_be_visible()
    page.get_by_role("link", name="Go to the workflows").click()
    expect(page).to_have_url("/workflows")


def test_the_system_page_shows_who_works(page: Page) -> None:
    page.goto("/system")
    workers = page.get_by_role("region", name="Workers")
    expect(workers.get_by_role("img", name="At work")).to_have_count(2)
    expect(page.get_by_role("region", name="Lane cpu")).to_contain_text("1 worker")
    expect(page.get_by_role("region", name="Health")).to_contain_text("Postgres")
