"""Webhooks on a workflow's page: an address shown once, called by a program, told in a log and sent again."""

import pytest
from playwright.sync_api import APIRequestContext, Locator, Page, expect

from tests.e2e.browser.hands import make_workflow
from tests.e2e.browser.test_schedules import saying

pytestmark = pytest.mark.browser


@pytest.fixture
def sender(page: Page) -> APIRequestContext:
    """A program that calls; it shares the page's connection and none of its rights matter."""
    return page.request


def webhooks(page: Page) -> Locator:
    return page.get_by_role("region", name="Webhooks")


def act(page: Page, name: str, action: str) -> None:
    """Choose something from the menu of a webhook."""
    page.get_by_role("button", name=f"More about {name}").click()
    page.get_by_role("menuitem", name=action).click()


def make(page: Page) -> tuple[str, str]:
    """A webhook with a secret in a header, as the form makes it; its address and its secret."""
    page.goto(f"/workflows/{make_workflow(page, saying())}?tab=triggers")
    page.get_by_role("button", name="New webhook").click()
    form = page.get_by_role("form", name="Webhook")
    form.get_by_label("Name", exact=True).fill("Doorbell")
    form.get_by_role("button", name="Create webhook").click()
    shown = page.get_by_role("dialog", name="“Doorbell” is ready")
    address = shown.get_by_label("Address", exact=True).input_value()
    secret = shown.get_by_label("Secret", exact=True).input_value()
    shown.get_by_role("button", name="I have copied it").click()
    return address, secret


def test_a_program_calls_and_the_log_tells(page: Page, sender: APIRequestContext) -> None:
    address, secret = make(page)
    expect(webhooks(page)).to_contain_text("Never called")
    assert secret not in page.content()
    assert address not in page.content()

    taken = sender.post(address, data={"word": "hello"}, headers={"X-Api-Key": secret})
    assert taken.status == 202, taken.text()
    assert sender.post(address, data={"word": "hello"}, headers={"X-Api-Key": "a guess"}).status == 401
    page.reload()
    expect(webhooks(page)).to_contain_text("Refused")

    act(page, "Doorbell", "Deliveries")
    log = page.get_by_role("list", name="Deliveries")
    expect(log.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Accepted").click()
    expect(log.get_by_role("listitem")).to_have_count(1)
    log.get_by_role("button", name="Details of the delivery").click()
    expect(log.get_by_text('{"word":"hello"}')).to_be_visible()
    expect(log.get_by_text("••••").first).to_be_visible()
    log.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Sent again, and accepted.")).to_be_visible()
    expect(log.get_by_text("sent again")).to_be_visible()
    log.get_by_role("link", name="See the instance").first.click()
    expect(page.get_by_role("heading", name="Saying #2")).to_be_visible()
    page.get_by_role("link", name="by a delivery of webhook “Doorbell”").click()
    expect(page.get_by_role("dialog", name="A delivery to “Doorbell”")).to_contain_text('{"word":"hello"}')


def test_it_is_tried_out_given_a_new_address_and_deleted(page: Page, sender: APIRequestContext) -> None:
    address, secret = make(page)
    act(page, "Doorbell", "Try it out")
    trial = page.get_by_role("dialog", name="Try “Doorbell” out")
    expect(trial.get_by_label("Body")).to_have_value('{\n  "word": ""\n}')
    trial.get_by_label("Body").fill('{"word": 5}')
    trial.get_by_role("button", name="Deliver").click()
    expect(trial.get_by_role("alert")).to_contain_text("must be text")
    trial.get_by_label("Body").fill('{"word": "five"}')
    trial.get_by_role("button", name="Deliver").click()
    expect(trial.get_by_text("Accepted: an instance has started.")).to_be_visible()
    page.keyboard.press("Escape")

    act(page, "Doorbell", "New address")
    page.get_by_role("alertdialog").get_by_role("button", name="New address").click()
    shown = page.get_by_role("dialog", name="“Doorbell” is ready")
    newer = shown.get_by_label("Address", exact=True).input_value()
    shown.get_by_role("button", name="I have copied it").click()
    headers = {"X-Api-Key": secret}
    assert sender.post(address, data={"word": "old"}, headers=headers).status == 404
    assert sender.post(newer, data={"word": "new"}, headers=headers).status == 202

    act(page, "Doorbell", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(webhooks(page)).to_contain_text("No program can start it yet.")
    assert sender.post(newer, data={"word": "late"}, headers=headers).status == 404


def test_inputs_come_by_expressions_and_mistakes_are_marked(page: Page, sender: APIRequestContext) -> None:
    make(page)
    act(page, "Doorbell", "Edit")
    form = page.get_by_role("form", name="Webhook")
    form.get_by_label("Inputs").select_option("By expressions over the request")
    expect(form.get_by_label("Word")).to_have_value("{{ body.word }}")
    form.get_by_label("Word").fill("{{ bdy.user.name }}")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_label("Word")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_text("There is nothing called “bdy”")).to_be_visible()
    form.get_by_label("Word").fill("Hello {{ body.user.name }}")
    form.get_by_label("Who may call").select_option("Whoever knows the address")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    expect(webhooks(page)).to_contain_text("Whoever knows the address")

    act(page, "Doorbell", "New address")
    page.get_by_role("alertdialog").get_by_role("button", name="New address").click()
    address = page.get_by_label("Address", exact=True).input_value()
    page.get_by_role("button", name="I have copied it").click()
    taken = sender.post(address, data={"user": {"name": "Ada"}})
    assert taken.status == 202, taken.text()
    page.goto(f"/instances/{taken.json()['instance_id']}")
    expect(page.get_by_text("Hello Ada").first).to_be_visible()
