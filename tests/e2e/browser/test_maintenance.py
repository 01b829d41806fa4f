"""Maintenance announced and called off, a lane drained and opened, as whoever runs the box does it."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_maintenance_is_announced_with_a_countdown_on_every_page_and_called_off(page: Page) -> None:
    page.goto("/maintenance")
    page.get_by_label("It begins").select_option("In an hour")
    page.get_by_label("What people are told").fill("A larger disk")
    page.get_by_role("button", name="Announce").click()
    banner = page.get_by_role("status").filter(has_text="A larger disk")
    expect(banner).to_contain_text(re.compile(r"Maintenance begins in (59|60) min|Maintenance begins in 1 h"))
    page.goto("/workflows")
    expect(banner).to_be_visible()
    page.goto("/maintenance")
    page.get_by_role("button", name="Call it off").click()
    expect(banner).to_be_hidden()
    expect(page.get_by_role("button", name="Announce")).to_be_visible()


def test_a_lane_is_drained_and_opened(page: Page) -> None:
    page.goto("/maintenance")
    lanes = page.get_by_role("list", name="Lanes")
    lanes.get_by_role("button", name="Drain GPU").click()
    expect(lanes.get_by_text("Drained", exact=True)).to_be_visible()
    expect(lanes).to_contain_text("The gpu lane is drained.")
    lanes.get_by_role("button", name="Resume GPU").click()
    expect(lanes.get_by_role("button", name="Drain GPU")).to_be_visible()
