"""A whole box with a browser before it: started once, claimed through its link, watched in every story."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.appliance.box import RUN, Box, box_environment
from tests.e2e.browser.photos import draw_photos
from tests.e2e.browser.watch import Watch
from tests.patience import PATIENCE_S

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WINDOW = ViewportSize(width=1280, height=860)
PATIENCE_MS = PATIENCE_S * 1000  # for one signal of the page; a busy machine draws slowly

EMAIL = "ada@example.org"
PASSWORD = "a sentence she can remember"
NAME = "Ada Lovelace"


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with every program, started as a newcomer starts it, and stopped clean after the last story."""
    folder = tmp_path_factory.mktemp("box")
    with Box(box_environment(folder, STUDIO_ROLES="all", HOST="127.0.0.1"), RUN) as box:
        box.wait_for("Studio is ready at", timeout_s=240)
        yield box
        assert box.stop() == 0
        assert "Database system is shut down" in box.text


@pytest.fixture(scope="session")
def setup_link(box: Box) -> str:
    """The link that the box printed for its first person."""
    found = re.search(r"http://\S+/setup\?token=\S+", box.wait_for("Claim this box"))
    assert found
    return found.group()


@pytest.fixture(scope="session")
def address(setup_link: str) -> str:
    """Where the box answers."""
    return setup_link.split("/setup", 1)[0]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def claimed(browser: Browser, setup_link: str) -> None:
    """The box has its person, who claimed it in the way a newcomer does."""
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(setup_link)
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("Organization").fill("Analytical Engines")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Claim this box").click()
    page.get_by_role("heading", name="Workflows", exact=True).wait_for()
    context.close()


@pytest.fixture
def profile(browser: Browser, claimed: None, address: str) -> Iterator[BrowserContext]:
    """A fresh browser profile, before a box that is claimed; nobody is signed in."""
    context = browser.new_context(viewport=WINDOW, base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def context(profile: BrowserContext) -> BrowserContext:
    """The profile of the person who claimed the box, with a sign-in of its own."""
    answer = profile.request.post("/api/v1/auth/login", data={"email": EMAIL, "password": PASSWORD})
    assert answer.ok, answer.text()
    return profile


@pytest.fixture
def watch(profile: BrowserContext, address: str) -> Iterator[Watch]:
    """Sees to it that no story leaves an error in the console or asks another origin for anything."""
    watch = Watch(profile, address)
    yield watch
    watch.judge()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """A signed-in page, watched."""
    return context.new_page()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three photos as a person's telephone would give them."""
    return draw_photos(tmp_path_factory.mktemp("photos"))
