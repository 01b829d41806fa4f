"""The room of all files: results are found at once, what was made on the way when it is asked for."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.hands import make_workflow

pytestmark = pytest.mark.browser


def scaled(node_id: str, image: str, width: int) -> dict[str, Any]:
    return {"id": node_id, "type": "image.transform", "with": {"image": image, "width": width}}


TWO_SIZES = {
    "schema": 1,
    "name": "Two sizes",
    "inputs": {"photo": {"type": "image", "label": "Photo"}},
    "nodes": [
        scaled("middle", "{{ inputs.photo }}", 200),
        scaled("small", "{{ steps.middle.outputs.image }}", 64),
    ],
    "outputs": {"small": "{{ steps.small.outputs.image }}"},
}


def test_a_result_is_among_the_files_and_leads_to_its_instance(page: Page) -> None:
    workflow = make_workflow(page, TWO_SIZES)
    photos = page.request.get("/api/v1/assets", params={"source": "sample", "name": "lighthouse"}).json()
    given = {"workflow_id": workflow, "inputs": {"photo": {"asset": photos["items"][0]["id"]}}}
    instance = page.request.post("/api/v1/instances", data=given).json()
    page.goto(f"/instances/{instance['id']}")
    expect(page.get_by_role("region", name="Result")).to_be_visible()

    page.get_by_role("link", name="Assets").click()
    files = page.get_by_role("list", name="Assets").get_by_role("button", name="The lighthouse")
    expect(files).to_have_count(2)  # the sample's own and the small one
    page.get_by_role("combobox", name="From where").select_option("In between")
    expect(files).to_have_count(1)
    page.get_by_role("combobox", name="From where").select_option("Results")
    page.get_by_role("searchbox", name="Search by name").fill("no such name")
    expect(page.get_by_role("heading", name="No file fits")).to_be_visible()
    page.get_by_role("searchbox", name="Search by name").fill("LIGHT")
    files.click()
    page.get_by_role("dialog").get_by_role("link", name="See the instance").click()
    expect(page.get_by_role("heading", name="Two sizes #")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search by name")).to_have_value("LIGHT")
