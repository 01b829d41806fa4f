"""Drafts and what runs: prepared in peace, compared, published, brought back; and files to carry them in."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.browser.hands import drop_files, make_workflow, work

pytestmark = pytest.mark.browser


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Workflow definition")


def write(page: Page, definition: dict[str, Any]) -> None:
    """Replace everything in the editor."""
    editor(page).click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(json.dumps(definition, indent=2))


def versions(page: Page) -> Locator:
    return page.get_by_role("list", name="Versions").get_by_role("listitem")


def test_a_draft_is_saved_compared_published_and_taken_back(page: Page) -> None:
    first = {**work(0), "name": "In two minds"}
    second = json.loads(json.dumps(first))
    second["nodes"][0]["with"]["value"] = "{{ inputs.word }} at last"
    second["nodes"].append({"id": "after", "type": "core.set", "needs": ["labour"], "with": {"value": 1}})
    second["inputs"]["word"]["label"] = "Another word"
    second["ui"] = {"labour": {"x": 10, "y": 10}}
    workflow = make_workflow(page, first)

    page.goto(f"/workflows/{workflow}?tab=json")
    write(page, second)
    page.get_by_role("textbox", name="What changed").fill("A second step")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("Saved as version 2, a draft.")).to_be_visible()
    expect(editor(page)).to_contain_text("at last")
    expect(page.get_by_role("link", name="Draft: version 2")).to_be_visible()

    page.get_by_role("tab", name="Run").click()
    expect(page.get_by_label("Word", exact=True)).to_be_visible()

    page.get_by_role("link", name="Draft: version 2").click()
    expect(page.get_by_text("Version 2 is a draft. Version 1 is what runs.")).to_be_visible()
    expect(versions(page).first).to_contain_text("A second step")
    expect(versions(page).nth(1)).to_contain_text("Published")

    page.get_by_role("button", name="Compare", exact=True).click()
    window = page.get_by_role("dialog", name="Compare versions")
    labour = window.get_by_role("listitem", name="labour: Changed")
    expect(labour.get_by_role("definition")).to_have_text(
        "Before: {{ inputs.word }}After: {{ inputs.word }} at last"
    )
    expect(window.get_by_role("listitem", name="after: Added")).to_contain_text("core.set")
    expect(window.get_by_role("listitem", name="word: Changed")).to_contain_text("Another word")
    expect(window).to_contain_text("Moved in the graph: labour.")
    window.get_by_label("From").select_option("2")
    expect(window).to_contain_text("These are the same version.")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Publish version 2").click()
    question = page.get_by_role("dialog", name="Publish version 2?")
    question.get_by_label("Note").fill("for the fair")
    question.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Version 2 runs from now on.")).to_be_visible()
    expect(versions(page).first).to_contain_text("When published: for the fair")
    expect(page.get_by_role("link", name="Draft: version 2")).to_have_count(0)

    page.get_by_role("button", name="More about version 1").click()
    page.get_by_role("menuitem", name="Restore as newest").click()
    expect(page.get_by_text("Version 1 is back as version 3, a draft.")).to_be_visible()
    expect(versions(page)).to_have_count(3)
    expect(versions(page).first).to_contain_text("As in version 1")
    expect(versions(page).nth(1)).to_contain_text("Published")


def test_a_save_is_told_at_once_and_the_editor_stays_while_the_page_catches_up(page: Page) -> None:
    workflow = make_workflow(page, {**work(0), "name": "Slow to arrive"})
    held: list[Route] = []
    is_slow = True

    def hold(route: Route) -> None:
        if is_slow:
            held.append(route)
        else:
            route.continue_()

    page.goto(f"/workflows/{workflow}?tab=json")
    write(page, {**work(0), "name": "Slow to arrive", "description": "written here"})
    page.route(f"**/api/v1/workflows/{workflow}", hold)
    page.route("**/versions/2", hold)
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("Saved as version 2, a draft.")).to_be_visible()
    expect(editor(page)).to_contain_text("written here")
    is_slow = False
    for route in held:
        route.continue_()
    expect(page.get_by_role("tabpanel", name="JSON")).to_contain_text("Version 2 Draft")
    expect(editor(page)).to_contain_text("written here")


def test_a_workflow_is_exported_and_dropped_back_in(page: Page, tmp_path: Path) -> None:
    inner = make_workflow(page, {**work(0), "name": "Carried inside"})
    call = {"id": "inner", "type": "core.workflow", "with": {"workflow": inner}}
    outer = make_workflow(page, {"schema": 1, "name": "Carried about", "nodes": [call], "outputs": {}})
    page.goto(f"/workflows/{outer}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "carried-about.studio.json"
    file = tmp_path / "carried-about.studio.json"
    download.value.save_as(file)
    exported = json.loads(file.read_text())
    assert [one["name"] for one in exported["workflows"]] == ["Carried inside"]

    # As from another box: there the workflow inside is not known.
    file.write_text(json.dumps(exported).replace(inner, "01890000-0000-7000-8000-000000000000"))
    page.goto("/workflows")
    drop_files(page, page.get_by_role("list", name="Workflows"), [file])
    expect(page.get_by_text("“Carried about” is here. With it came 1 workflow that it runs.")).to_be_visible()
    expect(page.get_by_role("heading", name="Carried about")).to_be_visible()
    expect(page).not_to_have_url(f"/workflows/{outer}")
    page.goto("/workflows")
    expect(page.get_by_role("link", name="Carried inside")).to_have_count(2)


def test_a_file_that_cannot_be_imported_says_why_and_leaves_nothing(page: Page, tmp_path: Path) -> None:
    broken = {**work(0), "name": "Not to be"}
    broken["nodes"][0]["type"] = "paint.oil"
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken))
    page.goto("/workflows")
    page.get_by_label("Import", exact=True).set_input_files(file)
    window = page.get_by_role("dialog", name="This file cannot be imported")
    expect(window).to_contain_text("There is no step type “paint.oil”.")
    page.keyboard.press("Escape")
    expect(window).to_have_count(0)

    file.write_text("no json at all")
    page.get_by_label("Import", exact=True).set_input_files(file)
    expect(window).to_contain_text("“broken.json” is no JSON file.")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("link", name="Picture story")).to_be_visible()
    expect(page.get_by_role("link", name="Not to be")).to_have_count(0)


def test_an_older_step_type_is_told_and_the_workflow_is_there(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "older.json"
    needs = {"steps": [{"kind": "debug.work", "version": 9}], "secrets": []}
    head = {"format": "studio.workflow", "format_version": 1, "name": "From a newer box"}
    file.write_text(json.dumps({**head, "definition": work(0), "needs": needs}))
    page.goto("/workflows")
    page.get_by_label("Import", exact=True).set_input_files(file)
    window = page.get_by_role("dialog", name="Import")
    expect(window).to_contain_text("“debug.work” was version 9 where this was exported")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="From a newer box")).to_be_visible()
