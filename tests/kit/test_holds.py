"""A hold keeps the collector away while its holder lives, and not for long after that."""

import os
import stat
import time
from pathlib import Path

import pytest

from app.kit import holds
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


def test_a_hold_follows_no_link_and_is_open_to_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root holds where steps may write: a link in the place of its file must lead it nowhere."""
    secret = tmp_path / "secret"
    secret.write_text("a key")
    secret.chmod(0o600)
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(holds, "new_id", lambda: "guessed")
    (folder / "hold-guessed").symlink_to(secret)
    with pytest.raises(FileExistsError), hold(folder, "nightly backup"):
        pytest.fail("it held through a link")
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("a key", 0o600)

    (folder / "hold-guessed").unlink()
    before = os.umask(0o077)
    try:
        with hold(folder, "nightly backup"):
            assert stat.S_IMODE((folder / "hold-guessed").stat().st_mode) == 0o644
    finally:
        os.umask(before)
