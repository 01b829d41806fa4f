"""Files too large for one request: they go up in pieces, and a broken line costs one piece, not the file."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser.watch import Watch

pytestmark = pytest.mark.browser

SIZE_BYTES = 30_000_000  # two pieces


def test_a_large_file_survives_a_broken_line(page: Page, watch: Watch, tmp_path: Path) -> None:
    watch.forgive("ERR_CONNECTION_RESET")
    offsets: list[str] = []

    def pass_or_break(route: Route) -> None:
        offsets.append(route.request.headers["upload-offset"])
        if len(offsets) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    large = tmp_path / "measurements.bin"
    with large.open("wb") as file:
        file.write(b"\x01\x02\x03")
        file.truncate(SIZE_BYTES)
    page.goto("/assets")
    page.get_by_role("heading", name="Assets").wait_for()
    page.route(
        "**/api/v1/assets/uploads/*",
        lambda route: pass_or_break(route) if route.request.method == "PATCH" else route.continue_(),
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload files").click()
    chooser.value.set_files(large)
    expect(page.get_by_role("button", name="measurements.bin")).to_contain_text("30 MB")
    assert offsets == ["0", "24000000", "24000000"]
