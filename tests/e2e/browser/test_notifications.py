"""Whoever runs the box reads what its programs say, and tells it how to call for help."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_log_is_read_with_filters(page: Page) -> None:
    page.goto("/logs")
    lines = page.get_by_role("list", name="Lines").get_by_role("listitem")
    expect(lines.first).to_be_visible()
    page.get_by_role("combobox", name="Program").fill("postgres")
    page.get_by_role("searchbox", name="Text or id").fill("READY TO ACCEPT")
    expect(lines.first).to_contain_text("ready to accept connections")
    page.get_by_role("searchbox", name="Text or id").fill("no line holds this")
    expect(page.get_by_role("heading", name="No such line")).to_be_visible()


def test_a_channel_is_made_tried_and_deleted(page: Page) -> None:
    page.goto("/notifications")
    channels = page.get_by_role("region", name="Channels")
    channels.get_by_role("button", name="Add a channel").click()
    form = page.get_by_role("form", name="Channel")
    form.get_by_role("textbox", name="Name", exact=True).fill("Night desk")
    form.get_by_role("combobox", name="By", exact=True).select_option("webhook")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("This kind of channel needs its secret.")).to_be_visible()
    form.get_by_label("Address", exact=True).fill("http://127.0.0.1:9/hook")
    form.get_by_role("switch", name="Quiet hours").click()
    form.get_by_role("button", name="Save").click()
    row = channels.get_by_role("listitem").filter(has_text="Night desk")
    expect(row).to_contain_text("Quiet hours 22:00–07:00")
    with page.expect_response("**/test") as answer:
        row.get_by_role("button", name="Send a trial message").click()
    tried = answer.value.json()
    assert tried["is_sent"] is False
    assert "private or internal" in tried["sentence"]
    row.get_by_role("button", name="More about Night desk").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
