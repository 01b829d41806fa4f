"""A hold keeps the collector away while its holder lives, and not for long after that."""

import os
import time
from pathlib import Path

from app.kit.holds import FRESH_S, hold, holders


def test_a_hold_ends_with_its_block(tmp_path: Path) -> None:
    with hold(tmp_path / "tmp", "nightly backup"), hold(tmp_path / "tmp", "drill"):
        assert sorted(holders(tmp_path / "tmp")) == ["drill", "nightly backup"]
    assert holders(tmp_path / "tmp") == []
    assert not list((tmp_path / "tmp").iterdir())


def test_who_was_killed_holds_no_longer_than_a_quarter_of_an_hour(tmp_path: Path) -> None:
    with hold(tmp_path, "nightly backup"):
        (file,) = tmp_path.iterdir()
        then = time.time() - FRESH_S - 1
        os.utime(file, (then, then))
        assert holders(tmp_path) == []
