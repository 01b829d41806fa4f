"""What a workflow within a workflow asks, answered on the page of the run above it."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.hands import make_workflow

pytestmark = pytest.mark.browser

ASKING: dict[str, Any] = {
    "schema": 1,
    "name": "Editors",
    "nodes": [{"id": "ask", "type": "human.approve", "with": {"question": "Print it?"}}],
    "outputs": {"answer": "{{ steps.ask.outputs.decision }}"},
}


def test_a_question_from_below_is_shown_and_answered_above(page: Page) -> None:
    asking = make_workflow(page, ASKING)
    call = {"id": "editors", "type": "core.workflow", "with": {"workflow": asking, "inputs": {}}}
    paper = {"schema": 1, "name": "Paper", "nodes": [call], "outputs": {}}
    body = {"workflow_id": make_workflow(page, paper), "inputs": {}}
    started = page.request.post("/api/v1/instances", data=body).json()
    page.goto(f"/instances/{started['id']}")
    question = page.get_by_role("region", name="Print it?")
    expect(question.get_by_role("link", name="Editors #1 · ask")).to_be_visible()
    question.get_by_role("button", name="Approve").click()
    expect(question).to_have_count(0)
    expect(page.get_by_text("Completed").first).to_be_visible()
