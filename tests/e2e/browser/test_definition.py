"""Workflows as JSON: written, checked while writing, marked where they are wrong, kept in versions."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.hands import make_workflow, work

pytestmark = pytest.mark.browser


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Workflow definition")


def write(page: Page, text: str) -> None:
    """Replace everything in the editor."""
    editor(page).click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def verdict(page: Page) -> Locator:
    return page.get_by_role("status", name="Check of the definition")


def marks(page: Page) -> Locator:
    return page.locator(".cm-lintRange-error")


def with_kind(kind: str) -> dict[str, Any]:
    definition = work(0)
    definition["nodes"][0]["type"] = kind
    return definition


def test_text_that_is_no_json_is_marked_where_it_breaks(page: Page) -> None:
    page.goto("/workflows/new")
    expect(verdict(page)).to_contain_text("No complaints")
    write(page, '{\n  "schema": 1,\n  "name": oops\n}')
    expect(verdict(page)).to_contain_text("not a JSON object yet")
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(page.get_by_role("button", name="Create workflow")).to_be_disabled()


def test_every_complaint_is_listed_and_marked_at_its_place(page: Page) -> None:
    definition = with_kind("debug.wrok")
    definition["nodes"].append(
        {"id": "second", "type": "debug.work", "with": {"value": "{{ inputs.wrod }}", "seconds": "soon"}}
    )
    page.goto("/workflows/new")
    write(page, json.dumps(definition, indent=2))
    expect(verdict(page)).to_contain_text("complaints")
    expect(verdict(page).get_by_role("listitem").filter(has_text="debug.wrok")).to_be_visible()
    expect(verdict(page).get_by_role("listitem").filter(has_text="wrod")).to_be_visible()
    expect(marks(page).filter(has_text="debug.wrok")).to_have_count(1)
    expect(marks(page).filter(has_text="wrod").first).to_be_visible()


def test_a_refused_save_shows_the_complaints_and_keeps_the_text(page: Page) -> None:
    page.goto("/workflows/new")
    write(page, json.dumps(with_kind("no.such_step"), indent=2))
    page.get_by_role("button", name="Create workflow").click()
    expect(verdict(page).get_by_role("listitem").filter(has_text="no.such_step")).to_be_visible()
    expect(page).to_have_url("/workflows/new")
    expect(editor(page)).to_contain_text("no.such_step")


def test_a_workflow_is_created_changed_and_every_version_kept(page: Page) -> None:
    page.goto("/workflows/new")
    write(page, json.dumps({**work(0), "name": "Kept in versions"}, indent=2))
    page.get_by_role("button", name="Create workflow").click()
    expect(page.get_by_role("heading", name="Kept in versions")).to_be_visible()
    expect(page.get_by_label("Word")).to_have_value("done")

    page.get_by_role("tab", name="JSON").click()
    expect(page.get_by_role("button", name="Save and publish")).to_be_disabled()
    changed = work(0)
    changed["nodes"].append({"id": "after", "type": "core.set", "needs": ["labour"], "with": {"value": 1}})
    write(page, json.dumps({**changed, "name": "Kept in versions"}, indent=2))
    page.keyboard.press("ControlOrMeta+s")
    expect(page.get_by_text("Saved as version 2; it runs from now on.")).to_be_visible()

    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_role("list", name="Versions").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Show version 1").click()
    expect(page.get_by_role("textbox", name="Version 1")).not_to_contain_text("after")
    page.keyboard.press("Escape")

    page.get_by_role("tab", name="Graph").click()
    graph = page.get_by_role("group", name="Graph of the steps")
    expect(graph.get_by_text("labour", exact=True)).to_be_visible()
    expect(graph.get_by_text("after", exact=True)).to_be_visible()


def test_deleting_asks_first(page: Page) -> None:
    page.goto("/workflows")
    make_workflow(page, {**work(0), "name": "Short-lived"})
    page.reload()
    page.get_by_role("button", name="More about Short-lived").click()
    page.get_by_role("menuitem", name="Delete").click()
    question = page.get_by_role("alertdialog")
    question.get_by_role("button", name="Not now").click()
    expect(question).to_have_count(0)
    expect(page.get_by_role("link", name="Short-lived")).to_be_visible()
    page.get_by_role("button", name="More about Short-lived").click()
    page.get_by_role("menuitem", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Short-lived")).to_have_count(0)
