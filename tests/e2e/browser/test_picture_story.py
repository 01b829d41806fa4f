"""The main job, as a newcomer does it: photos in, a film out, watched while it is made."""

from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.appliance.box import Box
from tests.e2e.browser.hands import drop_files

pytestmark = pytest.mark.browser

FILM_MS = 150_000  # drawing a film takes its time on a busy machine


def open_story(page: Page) -> Locator:
    """The run form of the sample; gives the field of its photos."""
    page.goto("/workflows")
    page.get_by_role("link", name="Picture story").click()
    expect(page.get_by_role("tab", name="Run")).to_have_attribute("aria-selected", "true")
    return page.get_by_role("group", name="Photos")


def chosen(field: Locator) -> Locator:
    return field.get_by_role("list", name="Files for Photos").get_by_role("listitem")


def play_film(page: Page, seconds: float) -> None:
    """Waits for the film, sees that the browser can play it, and plays it."""
    film = page.get_by_role("region", name="Result").locator("video")
    film.wait_for(timeout=FILM_MS)
    page.wait_for_function("film => film.readyState >= 2", arg=film.element_handle())
    assert film.evaluate("film => film.duration") == pytest.approx(seconds, abs=1.0)
    film.evaluate("film => { film.muted = true; return film.play(); }")
    page.wait_for_function("film => film.currentTime > 0.2", arg=film.element_handle())
    assert film.evaluate("film => film.videoWidth") == 1280


def test_photos_dropped_and_picked_become_a_film_that_plays(page: Page, photos: list[Path]) -> None:
    field = open_story(page)
    drop_files(page, field.get_by_role("button", name="Upload files"), photos[:2])
    with page.expect_file_chooser() as chooser:
        field.get_by_role("button", name="Upload files").click()
    chooser.value.set_files(photos[2])
    expect(chosen(field).get_by_role("img")).to_have_count(3)

    field.get_by_role("button", name="Move photo-3.jpg earlier").click()
    expect(chosen(field)).to_contain_text(["photo-1.jpg", "photo-3.jpg", "photo-2.jpg"])

    page.get_by_label("Title").fill("Three days")
    page.get_by_role("button", name="Run workflow").click()
    expect(page.get_by_role("heading", name="Picture story #")).to_be_visible()
    expect(page.get_by_role("status", name="Live connection")).to_have_text("Live")
    frames = page.locator("[data-step=frames]")
    expect(frames.get_by_text("3 of 3 items")).to_be_visible(timeout=60_000)
    expect(frames.get_by_role("list").get_by_role("img")).to_have_count(3)
    expect(page.get_by_role("progressbar", name="Progress of film")).to_be_visible()

    play_film(page, 3 * 2.5)
    expect(page.locator("[data-status=completed]").first).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)

    with page.expect_download() as download:
        page.get_by_role("region", name="Result").get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".mp4")
    assert download.value.path().stat().st_size > 10_000


def test_one_click_runs_the_sample_with_its_own_photos(page: Page) -> None:
    page.goto("/workflows")
    page.get_by_role("button", name="Run Picture story").click()
    expect(page.get_by_role("heading", name="Picture story #")).to_be_visible()
    play_film(page, 5 * 2.5)


def test_the_form_fills_in_its_own_photos_and_says_what_a_run_would_do(page: Page) -> None:
    field = open_story(page)
    page.get_by_role("button", name="What would this do?").click()
    expect(field).to_contain_text("Add at least 1 file.")
    page.get_by_role("button", name="Use the sample files").click()
    expect(chosen(field).get_by_role("img")).to_have_count(5)
    page.get_by_role("button", name="What would this do?").click()
    plan = page.get_by_role("dialog", name="What this would do")
    expect(plan.locator("[data-step=frames]")).to_contain_text("for 5 items")
    expect(plan.locator("[data-step=film]")).to_have_attribute("data-fate", "runs")


def test_functions_are_found_where_a_workflow_is_written(page: Page) -> None:
    page.goto("/workflows/new")
    page.get_by_role("button", name="Functions").click()
    functions = page.get_by_role("dialog", name="Functions of expressions")
    functions.get_by_label("Search functions").fill("sort_by")
    expect(functions.locator("[data-function=sort_by]")).to_be_visible()
    expect(functions.locator("[data-function=trim]")).to_have_count(0)


def test_a_worker_killed_in_the_middle_is_told_and_the_film_plays_all_the_same(
    page: Page, box: Box, photos: list[Path]
) -> None:
    field = open_story(page)
    drop_files(page, field.get_by_role("button", name="Upload files"), photos)
    expect(chosen(field).get_by_role("img")).to_have_count(3)
    page.get_by_label("Title").fill("A hard day")  # a film nobody has made yet: one that was would be reused
    page.get_by_role("button", name="Run workflow").click()
    expect(page.get_by_role("heading", name="Picture story #")).to_be_visible()
    film = page.locator("[data-step=film]")
    expect(film.get_by_role("progressbar", name="Progress of film")).to_be_visible(timeout=60_000)
    worker = cpu_worker(box)
    worker.kill()
    expect(film).to_contain_text("Attempt 2: the worker before it fell silent")
    play_film(page, 3 * 2.5)
    expect(film).to_have_attribute("data-status", "completed")
    film.get_by_role("button").first.click()
    expect(film.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(2)
    assert cpu_worker(box).pid != worker.pid


def cpu_worker(box: Box) -> psutil.Process:
    """The process that draws films."""
    for process in psutil.Process(box.process.pid).children(recursive=True):
        if process.cmdline()[1:] == ["-m", "workers", "cpu"]:
            return process
    raise AssertionError("no worker of the cpu lane runs")


def test_an_earlier_run_can_be_taken_up_again(page: Page, photos: list[Path]) -> None:
    field = open_story(page)
    drop_files(page, field.get_by_role("button", name="Upload files"), photos[:1])
    expect(chosen(field).get_by_role("img")).to_have_count(1)
    page.get_by_label("Title").fill("Once more")
    page.get_by_role("button", name="Run workflow").click()
    page.get_by_role("link", name="Run again").click()
    expect(page.get_by_label("Title")).to_have_value("Once more")
    expect(chosen(page.get_by_role("group", name="Photos"))).to_contain_text(["photo-1.jpg"])


def test_photos_that_are_here_need_not_be_sent_again(page: Page) -> None:
    field = open_story(page)
    field.get_by_role("button", name="Choose from assets").click()
    gallery = page.get_by_role("dialog")
    gallery.get_by_role("combobox", name="From where").select_option("Came with Studio")
    lighthouse = gallery.get_by_role("button", name="The lighthouse")
    expect(lighthouse).to_have_count(1)
    lighthouse.click()
    gallery.get_by_role("searchbox", name="Search by name").fill("first")
    expect(lighthouse).to_have_count(0)
    gallery.get_by_role("button", name="First light").click()
    expect(gallery.get_by_role("status")).to_have_text("2 files")
    gallery.get_by_role("button", name="Add to the form").click()
    expect(gallery).to_have_count(0)
    expect(chosen(field)).to_contain_text(["The lighthouse", "First light"])


def test_a_form_without_photos_says_so_at_the_field(page: Page) -> None:
    field = open_story(page)
    page.get_by_role("button", name="Run workflow").click()
    expect(field.get_by_text("Add at least 1 file.")).to_be_visible()
    expect(field.get_by_role("button", name="Upload files")).to_be_focused()
