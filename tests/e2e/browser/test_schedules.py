"""Schedules on a workflow's page: said in days, fired by themselves, told afterwards."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.hands import make_workflow

pytestmark = pytest.mark.browser


def saying() -> dict[str, Any]:
    """A workflow that has ended as soon as it has started."""
    return {
        "schema": 1,
        "name": "Saying",
        "inputs": {"word": {"type": "text", "label": "Word", "min": 1}},
        "nodes": [{"id": "say", "type": "core.set", "with": {"value": "{{ inputs.word }}"}}],
        "outputs": {"word": "{{ steps.say.outputs.value }}"},
    }


def schedules(page: Page) -> Locator:
    return page.get_by_role("region", name="Schedules")


def act(page: Page, name: str, action: str) -> None:
    """Choose something from the menu of a schedule."""
    page.get_by_role("button", name=f"More about {name}").click()
    page.get_by_role("menuitem", name=action).click()


def test_a_schedule_is_made_looked_at_run_paused_and_deleted(page: Page) -> None:
    workflow = make_workflow(page, saying())
    page.goto(f"/workflows/{workflow}")
    page.get_by_role("tab", name="Triggers").click()
    page.get_by_role("button", name="New schedule").click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_label("Name").fill("Working days")
    for day in ("Sat", "Sun"):
        form.get_by_text(day, exact=True).click()
    form.get_by_label("Time", exact=True).fill("07:30")
    form.get_by_label("Time zone").select_option("America/New_York")
    times = form.get_by_role("region", name="Next times")
    expect(times).to_contain_text(
        "At 07:30 on Monday, Tuesday, Wednesday, Thursday, and Friday, America/New_York"
    )
    expect(times.get_by_role("listitem")).to_have_count(5)

    form.get_by_role("button", name="Create schedule").click()
    expect(form.get_by_text("“Word” needs at least 1 character")).to_be_visible()
    expect(form.get_by_label("Word")).to_be_focused()
    form.get_by_label("Word").fill("good morning")
    form.get_by_role("button", name="Create schedule").click()
    row = schedules(page).get_by_role("listitem").filter(has_text="Working days")
    expect(row).to_contain_text("America/New_York")
    expect(row).to_contain_text("Next")

    act(page, "Working days", "Run now")
    expect(row.get_by_role("link", name="See the instance")).to_contain_text("Completed")
    act(page, "Working days", "Journal")
    expect(page.get_by_role("list", name="Journal").get_by_role("listitem")).to_contain_text("by hand")
    page.keyboard.press("Escape")

    row.get_by_role("switch", name="Working days is on").click()
    expect(row).to_contain_text("Off")
    page.reload()
    expect(row).to_contain_text("Off")

    act(page, "Working days", "Edit")
    expect(form.get_by_label("Time", exact=True)).to_have_value("07:30")
    expect(form.get_by_label("Word")).to_have_value("good morning")
    expect(form.get_by_role("checkbox", checked=True)).to_have_count(5)
    form.get_by_label("Name").fill("Mornings")
    form.get_by_role("button", name="Save").click()
    expect(schedules(page)).to_contain_text("Mornings")

    act(page, "Mornings", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(schedules(page)).to_contain_text("It runs at no time of its own")


def test_the_daemon_fires_it_by_itself(page: Page) -> None:
    workflow = make_workflow(page, saying())
    page.goto(f"/workflows/{workflow}?tab=triggers")
    page.get_by_role("button", name="New schedule").click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_label("Name").fill("All the time")
    form.get_by_label("When", exact=True).select_option("Every so often")
    form.get_by_label("Every", exact=True).fill("10")
    form.get_by_label("Unit").select_option("seconds")
    form.get_by_label("Word").fill("tick")
    expect(form.get_by_role("region", name="Next times")).to_contain_text("Every 10 seconds")
    form.get_by_role("button", name="Create schedule").click()
    started = schedules(page).get_by_role("link", name="See the instance")
    expect(started).to_contain_text("Completed")
    started.click()
    expect(page.get_by_role("heading", name="Saying #")).to_be_visible()
    page.get_by_role("link", name="by schedule “All the time”").click()
    expect(page.get_by_role("dialog").locator("li[aria-current]")).to_be_visible()
    page.request.delete(f"/api/v1/workflows/{workflow}")


def test_an_expression_that_says_nothing_is_told_beside_it(page: Page) -> None:
    page.goto(f"/workflows/{make_workflow(page, saying())}?tab=triggers")
    page.get_by_role("button", name="New schedule").click()
    form = page.get_by_role("form", name="Schedule")
    form.get_by_label("When", exact=True).select_option("By a cron expression")
    form.get_by_label("Cron expression").fill("61 * * * *")
    expect(form.get_by_text("The minute of “61 * * * *” cannot be read.")).to_be_visible()
    form.get_by_label("Cron expression").fill("*/30 * * * *")
    expect(form.get_by_role("region", name="Next times").get_by_role("listitem")).to_have_count(5)
