"""Files that are not what they say: refused at once, with a sentence at the file."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.hands import drop_files

pytestmark = pytest.mark.browser


@pytest.fixture
def field(page: Page) -> Locator:
    """Where the sample takes its photos."""
    page.goto("/workflows")
    page.get_by_role("link", name="Picture story").click()
    return page.get_by_role("group", name="Photos")


def test_a_text_that_calls_itself_a_picture_is_not_taken_for_one(
    page: Page, field: Locator, tmp_path: Path
) -> None:
    letter = tmp_path / "holiday.jpg"
    letter.write_text("Dear diary, this is no picture at all.\n" * 20)
    drop_files(page, field.get_by_role("button", name="Upload files"), [letter])
    expect(field.get_by_role("alert")).to_contain_text("holiday.jpg")
    page.get_by_role("button", name="Run workflow").click()
    expect(field.get_by_text("1 file was refused. Remove it before you run.")).to_be_visible()
    field.get_by_role("button", name="Remove holiday.jpg").click()
    page.get_by_role("button", name="Run workflow").click()
    expect(field.get_by_text("Add at least 1 file.")).to_be_visible()


def test_an_empty_file_is_refused_and_the_good_one_beside_it_kept(
    page: Page, field: Locator, tmp_path: Path, photos: list[Path]
) -> None:
    empty = tmp_path / "nothing.png"
    empty.touch()
    drop_files(page, field.get_by_role("button", name="Upload files"), [empty, photos[0]])
    expect(field.get_by_role("alert")).to_be_visible()
    expect(field.get_by_role("listitem").get_by_role("img", name="photo-1.jpg")).to_be_visible()
    field.get_by_role("button", name="Remove nothing.png").click()
    expect(field.get_by_role("alert")).to_have_count(0)
