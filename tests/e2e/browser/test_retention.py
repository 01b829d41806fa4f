"""Choosing how long things are kept, and reading who chose it."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_an_admin_chooses_terms_sees_what_they_take_and_reads_of_it(page: Page) -> None:
    page.goto("/retention")
    expect(page.get_by_role("region", name="What would go now")).to_contain_text("Files made on the way")
    page.get_by_label("Runs, in days").fill("90")
    page.get_by_label("Their events and log lines, in days").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nobody has chosen yet")).to_be_hidden()
    page.goto("/audit")
    expect(page.get_by_role("list", name="Audit")).to_contain_text(
        "chose to keep runs 90 days, their events and log lines 7 days"
    )
