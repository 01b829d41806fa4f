"""The door of a worker process: what it lets in."""

from pathlib import Path

import pytest

from app.flow.messages import Lane
from app.kit.settings import KEY_NAMES, Settings
from workers import __main__ as door


def test_a_worker_holds_no_key_but_its_own_although_all_lie_on_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    for name in KEY_NAMES:
        (tmp_path / "keys" / name).write_text(f"{name}-of-the-volume\n")
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("WORKSPACE_PATH", str(tmp_path))
    served: list[Settings] = []

    async def serve(_lane: Lane, settings: Settings) -> None:
        served.append(settings)

    monkeypatch.setattr(door, "serve", serve)
    monkeypatch.setattr(door, "configure", lambda *_: None)
    assert door.main(["cpu"]) == 0
    (settings,) = served
    assert [name for name in KEY_NAMES if getattr(settings.keys, name)] == ["worker_shared_secret"]
    for other in set(KEY_NAMES) - {"worker_shared_secret"}:
        assert f"{other}-of-the-volume" not in f"{settings.database.owner_url} {settings.database.app_url}"
