"""The four secrets of a box: made once, kept on the volume, never overwritten."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.kit.crypto import new_key
from app.kit.settings import KEY_NAMES, Settings, load_settings
from appliance.files import sync_folder
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import give, myself


def missing(settings: Settings) -> list[str]:
    """The keys that neither the environment nor the volume has yet."""
    return [name for name in KEY_NAMES if getattr(settings.keys, name) is None]


def ensure(settings: Settings, env: Mapping[str, str] | None = None) -> Settings:
    """Make the missing keys and give back the settings read anew, now with all four.

    `env` is what the settings were read from: NAME goes before NAME_FILE goes before `keys/<name>`.
    Call it under the volume's lock. Raises Refusal when a key file is there but holds nothing.
    """
    make_folder(settings.keys_dir, myself(), 0o700)
    wanted = missing(settings)
    for name in wanted:
        _create(settings.keys_dir / name, new_key())
    for name in KEY_NAMES:
        path = settings.keys_dir / name
        if path.exists():
            _keep_private(path)
    return load_settings(env) if wanted else settings


def _create(path: Path, value: str) -> None:
    """Write one key durably under its name, or fail when the name is taken: replacing a key that could
    not be read would lose everything it sealed. Linking a finished draft leaves no half-written key
    behind a power cut either.
    """
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        if path.read_text(encoding="utf-8").strip():
            return  # another box on a shared volume was faster, and its key is as good
        raise Refusal(
            f"The key file {path} is there but empty or unreadable. Restore it from a backup; "
            "only on a box that holds nothing yet, delete it and Studio makes a new one."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def given(settings: Settings) -> dict[str, str]:
    """The keys that come from the environment and not from the volume."""
    held = {name: getattr(settings.keys, name) for name in KEY_NAMES}
    kept = {name: _kept(settings.keys_dir / name) for name in KEY_NAMES}
    return {name: value for name, value in held.items() if value is not None and value != kept[name]}


def handed(environment: Mapping[str, str], settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """This environment with the keys of these names and no others, in clear: a program that is not root may
    read neither `keys/` nor what somebody mounted for `…_FILE`.
    """
    hidden = {name.upper() + suffix for name in KEY_NAMES for suffix in ("", "_FILE")}
    held = {name.upper(): getattr(settings.keys, name) for name in names}
    return {
        **{name: value for name, value in environment.items() if name not in hidden},
        **{name: value for name, value in held.items() if value is not None},
    }


def _kept(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _keep_private(path: Path) -> None:
    """For the eyes of whoever boots: in the image root, who also takes back those of an older volume."""
    try:
        give(path, myself(), 0o600)
    except PermissionError:
        return  # a volume without owners; the boot has made sure that the keys come from the environment
