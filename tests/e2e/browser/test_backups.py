"""The recovery kit, got and shown again, as whoever runs the box does it."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import PASSWORD

pytestmark = pytest.mark.browser

NOTED_MS = 120_000  # root looks for wishes between its backups, and may be making one


def test_the_recovery_kit_is_got_and_shown_until_the_box_believes_it(page: Page) -> None:
    page.goto("/backups")
    card = page.get_by_role("region", name="Recovery kit")
    card.get_by_role("button", name="Get it").click()
    window = page.get_by_role("dialog")
    window.get_by_label("Your password").fill(PASSWORD)
    window.get_by_role("button", name="Show it").click()
    kit = window.locator("pre").inner_text()
    page.keyboard.press("Escape")
    card.get_by_role("button", name="I have it").click()
    window.get_by_label("The text of the kit").fill(kit.replace("Password:", "Password: x"))
    window.get_by_role("button", name="Compare").click()
    expect(window.get_by_role("alert")).to_contain_text("does not fit")
    window.get_by_label("The text of the kit").fill(kit)
    window.get_by_role("button", name="Compare").click()
    expect(window).to_have_count(0)
    expect(card).to_contain_text("In safe hands", timeout=NOTED_MS)
