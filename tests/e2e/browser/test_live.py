"""An instance while it runs: cancelled, failing, and watched over a network that comes and goes."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.e2e.browser.hands import make_workflow, work
from tests.e2e.browser.watch import Watch

pytestmark = pytest.mark.browser

LONG_S = 60  # longer than any story lasts: whoever starts it cancels it


def run(page: Page, seconds: float, fail: str = "") -> None:
    """Start a piece of work from its form and stand before its page."""
    begin(page, work(seconds, **({"fail": fail} if fail else {})))


def run_held(page: Page, seconds: float) -> None:
    """The same between two questions, so that a page which comes late misses nothing."""
    document = work(seconds)
    (labour,) = document["nodes"]
    before, behind = (
        {"id": name, "type": "human.approve", "with": {"question": "Go on?"}} for name in ("before", "behind")
    )
    begin(
        page, {**document, "nodes": [before, labour | {"needs": ["before"]}, behind | {"needs": ["labour"]}]}
    )


def go_on(page: Page) -> None:
    """Answer the question that is open, beside the page, which may be without a network."""
    steps = f"{page.url.replace('/instances/', '/api/v1/instances/')}/steps"
    (asking,) = (one for one in page.request.get(steps).json()["items"] if one["status"] == "waiting")
    said = page.request.post(f"{steps}/{asking['id']}/answer", data={"value": {"decision": "approved"}})
    assert said.ok, said.text()


def begin(page: Page, definition: dict[str, Any]) -> None:
    workflow = make_workflow(page, definition)
    page.goto(f"/workflows/{workflow}")
    page.get_by_role("button", name="Run workflow").click()
    expect(page.get_by_role("heading", name="A piece of work #1")).to_be_visible()


def cancel(page: Page) -> None:
    page.get_by_role("button", name="Cancel instance").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel instance").click()
    expect(page.locator("[data-step=labour]")).to_have_attribute("data-status", "cancelled")


def test_an_instance_is_watched_live_and_gives_its_word(page: Page) -> None:
    run_held(page, 3)
    step = page.locator("[data-step=labour]")
    expect(page.get_by_role("status", name="Live connection")).to_have_text("Live")
    go_on(page)
    expect(step).to_have_attribute("data-status", "running")
    expect(step.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]\d"))
    expect(step).to_have_attribute("data-status", "completed")
    expect(page.locator("[data-step=behind]")).to_have_attribute("data-status", "waiting")
    go_on(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("done")


def test_a_running_instance_can_be_cancelled(page: Page) -> None:
    run(page, LONG_S)
    expect(page.locator("[data-step=labour]")).to_have_attribute("data-status", "running")
    page.get_by_role("button", name="Cancel instance").click()
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(page.locator("[data-step=labour]")).to_have_attribute("data-status", "running")
    cancel(page)
    expect(page.get_by_role("main")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel instance")).to_have_count(0)


def test_a_failure_says_what_why_and_what_next(page: Page) -> None:
    run(page, 0.1, fail="bad_input")
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("told to fail")
    expect(alert).to_contain_text("bad_input")
    expect(alert).to_contain_text("Clear its Fail field")
    expect(page.locator("[data-step=labour]")).to_have_attribute("data-status", "failed")


def test_after_a_lost_network_the_page_catches_up_by_itself(page: Page, watch: Watch) -> None:
    watch.forgive("ERR_INTERNET_DISCONNECTED")
    run_held(page, 0)
    connection, step = page.get_by_role("status", name="Live connection"), page.locator("[data-step=labour]")
    expect(connection).to_have_text("Live")
    page.context.set_offline(True)
    expect(connection).to_have_text("Offline")
    go_on(page)
    page.context.set_offline(False)
    expect(connection).to_have_text("Live")
    expect(step).to_have_attribute("data-status", "completed")
    expect(page.locator("[data-step=behind]")).to_have_attribute("data-status", "waiting")
    go_on(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("done")


def test_a_dropped_socket_is_opened_again_and_nothing_is_missed(page: Page) -> None:
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/api/v1/live", connect)
    run_held(page, 0)
    connection = page.get_by_role("status", name="Live connection")
    expect(connection).to_have_text("Live")
    sockets[0].close(code=4000)
    expect(connection).to_have_text("Connecting…")
    go_on(page)
    expect(connection).to_have_text("Live")
    assert len(sockets) == 2
    expect(page.locator("[data-step=behind]")).to_have_attribute("data-status", "waiting")
    go_on(page)
    expect(page.get_by_role("region", name="Result")).to_contain_text("done")


def test_where_no_socket_gets_through_events_come_the_other_way(page: Page) -> None:
    page.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=4000))
    run(page, LONG_S)
    expect(page.get_by_role("status", name="Live connection")).to_have_text("Live, one way")
    cancel(page)


def test_where_nothing_stays_open_the_page_asks_and_says_so(page: Page, watch: Watch) -> None:
    watch.forgive("ERR_FAILED")
    page.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=4000))
    page.route("**/api/v1/live/sse*", lambda route: route.abort())
    run(page, LONG_S)
    expect(page.get_by_role("status", name="Live connection")).to_have_text("Every 2 s")
    expect(page.locator("[data-step=labour]").get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"\d")
    )
    cancel(page)


def test_a_box_that_does_not_answer_is_not_said_to_be_asked(page: Page, watch: Watch) -> None:
    watch.forgive("ERR_FAILED")
    page.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=4000))
    page.route("**/api/v1/live/sse*", lambda route: route.abort())
    page.route("**/events?*", lambda route: route.abort())
    run(page, LONG_S)
    connection = page.get_by_role("status", name="Live connection")
    expect(connection).to_have_text("No answer; trying again")
    page.unroute("**/events?*")
    expect(connection).to_have_text("Every 2 s")
    cancel(page)


def test_a_list_of_instances_moves_by_itself(page: Page) -> None:
    workflow = make_workflow(page, {**work(1), "name": "Seen from the list"})
    page.goto("/instances")
    page.get_by_role("heading", name="Instances").wait_for()
    answer = page.request.post("/api/v1/instances", data={"workflow_id": workflow, "inputs": {}})
    assert answer.ok, answer.text()
    row = page.get_by_role("listitem").filter(has_text="Seen from the list")
    expect(row).to_contain_text("Completed")
