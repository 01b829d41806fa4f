"""What waits for people: found in the inbox, answered on the run's page, gone for everybody at once."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.browser.hands import make_workflow

pytestmark = pytest.mark.browser


def node(node_id: str, kind: str, given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "with": given, **fields}


def begin(page: Page, name: str, *nodes: dict[str, Any], outputs: dict[str, str], **inputs: Any) -> str:
    """Start a run of these nodes; its page's address."""
    definition = {"schema": 1, "name": name, "nodes": list(nodes), "outputs": outputs}
    if inputs:
        definition["inputs"] = {key: {"type": "image[]"} for key in inputs}
    workflow = make_workflow(page, definition)
    answer = page.request.post("/api/v1/instances", data={"workflow_id": workflow, "inputs": inputs})
    assert answer.ok, answer.text()
    return f"/instances/{answer.json()['id']}"


def keep_picture(page: Page, name: str) -> None:
    """A picture of the page for whoever asks for one."""
    if folder := os.environ.get("STUDIO_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_an_approval_is_found_in_the_inbox_and_given_with_a_comment(page: Page) -> None:
    ask = {"question": "Publish the story?", "text": "It goes to everybody.", "value": "Once upon a time"}
    begin(
        page, "Story", node("ask", "human.approve", ask), outputs={"said": "{{ steps.ask.outputs.comment }}"}
    )
    page.goto("/workflows")
    door = page.get_by_role("link", name="Inbox")
    expect(door).to_contain_text("1")
    door.click()
    row = page.get_by_role("region", name="For you").get_by_role("link", name="Publish the story?")
    expect(row).to_be_visible()
    keep_picture(page, "inbox")
    row.focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("region", name="Publish the story?")
    expect(question).to_be_focused()
    expect(question).to_contain_text("Once upon a time")
    keep_picture(page, "approval")
    question.get_by_label("Comment").fill("Lovely.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Lovely.")
    expect(question).to_have_count(0)
    expect(door).not_to_contain_text("1")


def test_pictures_are_chosen_by_clicking_them(page: Page, photos: list[Path]) -> None:
    files = []
    for photo in photos:
        part = FilePayload(name=photo.name, mimeType="image/jpeg", buffer=photo.read_bytes())
        files.append({"asset": page.request.post("/api/v1/assets", multipart={"file": part}).json()["id"]})
    ask = {"question": "Which ones?", "choices": "{{ inputs.photos }}", "keep_min": 1, "keep_max": 2}
    outputs = {"kept": "{{ steps.ask.outputs.kept }}"}
    page.goto(begin(page, "Keep these", node("ask", "human.approve", ask), outputs=outputs, photos=files))
    question = page.get_by_role("region", name="Which ones?")
    keep = question.get_by_role("button", name="Keep these")
    expect(keep).to_be_disabled()
    pictures = question.get_by_role("list", name="Choices").get_by_role("listitem")
    expect(pictures).to_have_count(len(photos))
    pictures.nth(2).click()
    pictures.nth(0).click()
    expect(question.get_by_role("status").first).to_contain_text("2 chosen of 1 to 2")
    expect(question.get_by_role("checkbox").nth(1)).to_be_disabled()
    keep_picture(page, "choices")
    page.emulate_media(color_scheme="dark")
    keep_picture(page, "choices-dark")
    keep.click()
    expect(page.get_by_role("region", name="Result").get_by_role("link")).to_have_count(2)


def test_a_form_in_the_middle_is_filled_in_and_its_faults_are_shown(page: Page) -> None:
    fields = {
        "caption": {"type": "text", "label": "Caption", "max": 10},
        "times": {"type": "number", "label": "Times", "default": 2},
        "tune": {"type": "text", "label": "Tune", "choices": ["calm", "merry"]},
    }
    ask = {"question": "What should it say?", "fields": fields}
    outputs = {"caption": "{{ steps.ask.outputs.values.caption }}"}
    page.goto(begin(page, "Film", node("ask", "human.form", ask), outputs=outputs))
    form = page.get_by_role("form", name="What should it say?")
    expect(form.locator("label")).to_have_text(["Caption", "Times", "Tune"])
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_label("Tune")).to_be_focused()
    form.get_by_label("Tune").select_option("merry")
    form.get_by_label("Caption").fill("Hello")
    keep_picture(page, "form")
    form.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("Hello")


def test_a_rejection_ends_the_run_and_says_who(page: Page) -> None:
    ask = {"question": "Really?"}
    page.goto(begin(page, "Doubt", node("ask", "human.approve", ask), outputs={}))
    page.get_by_role("region", name="Really?").get_by_role("button", name="Reject").click()
    expect(page.get_by_role("alert").first).to_contain_text("Ada Lovelace rejected")


def test_a_stopped_step_is_started_by_hand(page: Page) -> None:
    stopped = node("careful", "core.set", {"value": "began"}, mode="stop")
    page.goto(begin(page, "Careful", stopped, outputs={"word": "{{ steps.careful.outputs.value }}"}))
    page.get_by_role("button", name="Start this step").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("began")


def test_an_address_for_another_program_is_copied_and_called(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    outputs = {"said": "{{ steps.wait.outputs.body.word }}"}
    page.goto(begin(page, "Called", node("wait", "webhook.wait", {}), outputs=outputs))
    page.get_by_role("button", name="Copy: Address").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    keep_picture(page, "callback")
    address = str(page.evaluate("navigator.clipboard.readText()"))
    assert page.request.post(address, data={"word": "done"}).ok
    expect(page.get_by_role("region", name="Result")).to_contain_text("done")


def test_an_open_inbox_fills_by_itself(page: Page) -> None:
    page.goto("/inbox")
    page.get_by_role("heading", name="Inbox").wait_for()
    begin(page, "Later", node("ask", "human.approve", {"question": "Now?"}), outputs={})
    row = page.get_by_role("link", name="Now?")
    expect(row).to_be_visible()
    row.click()
    page.get_by_role("region", name="Now?").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("region", name="Now?")).to_have_count(0)
