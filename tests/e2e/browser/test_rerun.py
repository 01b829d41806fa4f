"""Run control on the page: try again, run from a step, mend one item, edit a result, pause, cancel a step."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.hands import make_workflow

pytestmark = pytest.mark.browser

LONG_S = 60  # longer than any story lasts: whoever starts it ends it

WORDS: dict[str, Any] = {
    "schema": 1,
    "name": "Words",
    "inputs": {
        "title": {"type": "text", "label": "Title", "default": "Our trip"},
        "bad": {"type": "text", "label": "Bad word", "default": "bread"},
    },
    "nodes": [
        {
            "id": "heading",
            "name": "Heading",
            "type": "core.set",
            "with": {"value": "{{ inputs.title + '!' }}"},
        },
        {
            "id": "words",
            "name": "Words",
            "type": "debug.work",
            "each": ["apple", "bread", "carrot"],
            "max_parallel": 1,
            "with": {"value": "{{ item }}", "fail": "{{ item == inputs.bad ? 'bad_input' : '' }}"},
        },
        {
            "id": "page",
            "name": "Page",
            "type": "core.set",
            "with": {"value": "{{ steps.heading.outputs.value + string(steps.words.outputs.value.size()) }}"},
        },
    ],
    "outputs": {"page": "{{ steps.page.outputs.value }}", "words": "{{ steps.words.outputs.value }}"},
}


def start(page: Page, definition: dict[str, Any], **inputs: Any) -> None:
    """Run a new workflow and stand before its instance."""
    workflow = make_workflow(page, definition)
    answer = page.request.post("/api/v1/instances", data={"workflow_id": workflow, "inputs": inputs})
    assert answer.ok, answer.text()
    page.goto(f"/instances/{answer.json()['id']}")


def step(page: Page, node: str, status: str) -> Locator:
    """A step that stands like this."""
    found = page.locator(f"[data-step={node}]")
    expect(found).to_have_attribute("data-status", status)
    return found


def opened(page: Page, node: str, status: str) -> Locator:
    """The same, with everything about it."""
    found = step(page, node, status)
    head = found.locator("button[aria-expanded]").first
    if head.get_attribute("aria-expanded") == "false":
        head.click()
    return found


def now_at(page: Page, number: int, name: str = "Words") -> None:
    """The page shows this instance."""
    expect(page.get_by_role("heading", name=f"{name} #{number}", exact=True)).to_be_visible()


def test_trying_again_keeps_what_was_done_and_says_where_it_comes_from(page: Page) -> None:
    start(page, WORDS)
    step(page, "words", "failed")
    page.get_by_role("button", name="Retry").click()
    now_at(page, 2)
    step(page, "words", "failed")  # the word is bad still
    expect(step(page, "heading", "completed")).to_contain_text("Reused")
    expect(step(page, "words", "failed")).not_to_contain_text("Reused")
    expect(page.get_by_role("main")).to_contain_text("Goes on from #1 · what failed was tried again")
    page.get_by_role("link", name="#1").first.click()
    now_at(page, 1)
    expect(page.get_by_role("main")).to_contain_text("Run again as")
    page.goto("/instances")
    expect(page.get_by_role("listitem").filter(has_text="from #1").first).to_be_visible()


def test_one_bad_item_is_mended_and_the_others_stay(page: Page) -> None:
    start(page, WORDS)
    opened(page, "words", "failed").get_by_role("button", name="Open item 2").click()
    window = page.get_by_role("dialog", name="Words, item 2")
    expect(window).to_contain_text("told to fail")
    window.get_by_role("textbox", name="Fail", exact=True).fill("")
    window.get_by_role("button", name="Run this item again").click()
    now_at(page, 2)
    words = opened(page, "words", "completed")
    expect(words).to_contain_text("3 of 3 items, 1 of them reused")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Our trip!3")
    words.get_by_role("button", name="Open item 2").click()
    expect(page.get_by_role("dialog", name="Words, item 2")).to_contain_text("Edited by Ada Lovelace")


def test_a_result_is_edited_by_hand_and_the_run_goes_on_with_it(page: Page) -> None:
    start(page, WORDS)
    opened(page, "words", "failed").get_by_role("button", name="Edit the result").click()
    window = page.get_by_role("dialog", name="Edit what “Words” gave")
    window.get_by_role("textbox", name="Value").fill('["one", "two"]')
    window.get_by_role("textbox", name="Try").fill("[1, 1]")
    window.get_by_role("button", name="Go on with these").click()
    now_at(page, 2)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Our trip!2")
    expect(step(page, "words", "completed")).to_contain_text("Edited by Ada Lovelace")


def test_a_step_runs_again_on_values_changed_by_hand(page: Page) -> None:
    start(page, WORDS, bad="")
    opened(page, "heading", "completed").get_by_role("button", name="Run on other values").click()
    window = page.get_by_role("dialog", name="Run “Heading” on other values")
    window.get_by_role("textbox", name="Value").fill('"Mended"')
    window.get_by_role("button", name="Run again").click()
    now_at(page, 2)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Mended3")
    expect(opened(page, "heading", "completed")).to_contain_text("Edited by Ada Lovelace")
    expect(page.get_by_role("main")).to_contain_text("on other values for “Heading”")


def test_running_from_a_step_says_first_what_runs(page: Page) -> None:
    start(page, WORDS, bad="")
    opened(page, "words", "completed").get_by_role("button", name="Run again from here").click()
    window = page.get_by_role("dialog", name="Run again from “Words”?")
    expect(window.get_by_role("definition").nth(0)).to_have_text("Words, Page")
    expect(window.get_by_role("definition").nth(1)).to_have_text("Heading")
    window.get_by_role("button", name="Run again").click()
    now_at(page, 2)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Our trip!3")
    expect(page.get_by_role("main")).to_contain_text("again from “Words”")


def test_other_inputs_run_only_what_asks_for_them(page: Page) -> None:
    start(page, WORDS, bad="")
    step(page, "page", "completed")
    page.get_by_role("link", name="Run again").click()
    page.get_by_label("Title").fill("Home")
    page.get_by_role("switch", name="Keep what the changes do not touch").click()
    page.get_by_role("button", name="Run workflow").click()
    now_at(page, 2)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Home!3")
    expect(step(page, "words", "completed")).to_contain_text("Reused")
    expect(step(page, "heading", "completed")).not_to_contain_text("Reused")
    expect(page.get_by_role("main")).to_contain_text("with other inputs: “Title”")


def test_a_run_stands_still_and_goes_on(page: Page) -> None:
    nodes = [
        {"id": "first", "type": "debug.work", "with": {"seconds": LONG_S}, "on_error": "continue"},
        {"id": "then", "type": "core.set", "with": {"value": "{{ steps.first.status }}"}, "needs": ["first"]},
    ]
    outputs = {"status": "{{ steps.then.outputs.value }}"}
    start(page, {"schema": 1, "name": "Patience", "nodes": nodes, "outputs": outputs})
    step(page, "first", "running")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("main")).to_contain_text("Paused by Ada Lovelace.")
    opened(page, "first", "running").get_by_role("button", name="Cancel this step").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel this step").click()
    step(page, "first", "cancelled")
    step(page, "then", "pending")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("cancelled")


def test_who_only_watches_is_offered_nothing_to_do(page: Page) -> None:
    start(page, WORDS)
    step(page, "words", "failed")
    page.route(
        "**/api/v1/auth/me",
        lambda route: route.fulfill(json={**route.fetch().json(), "role": "viewer"}),
    )
    page.reload()
    opened(page, "words", "failed")
    for name in ("Retry", "Run again from here", "Edit the result", "Pause"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
