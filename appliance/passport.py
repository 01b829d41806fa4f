"""`studio.json`: who this volume is and which Studio used it last, read before anything on it is touched."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from app.kit.crypto import key_id
from app.kit.passport import FILE, Passport, Seen
from app.kit.settings import Settings
from app.kit.version import studio_version, version_key
from app.kit.volume import Mode
from appliance.files import write_atomically
from appliance.refusal import Refusal

# The layout of folders and files on the volume. Counts up when an older Studio could no longer read it.
LAYOUT = 1


SEEN = 50  # of versions, the newest; older ones say nothing to anybody


def path_of(settings: Settings) -> Path:
    """Where the passport lies."""
    return settings.workspace / FILE


def read(settings: Settings) -> Passport | None:
    """The volume's passport, None on a new volume. Raises Refusal when it is damaged or from the future."""
    path = path_of(settings)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        passport = msgspec.json.decode(raw, type=Passport)
    except msgspec.DecodeError as exc:
        raise Refusal(f"{path} is damaged ({exc}). Restore it from a backup of the volume.") from exc
    if passport.layout > LAYOUT:
        raise Refusal(
            f"The volume {settings.workspace} was last used by Studio {passport.version}, and this is Studio "
            f"{studio_version()}, which cannot read its layout. Start version {passport.version} or newer."
        )
    return passport


def stamp(
    settings: Settings, found: Passport | None, storage: str | None = None
) -> tuple[Passport, str | None]:
    """Make the passport of a new volume, or see that this one's fits; call it once the keys are there.

    The version stays that of the Studio that used the volume last, until this one has taken it over.

    Gives the passport and, when an older Studio takes over a newer one's volume, a warning. Raises Refusal
    when the encryption key is not the one this volume was made with: what it sealed could not be opened,
    and new things would be sealed with another key beside it.
    """
    key = key_id(settings.keys.require("encryption_key"))
    if found is None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        found = Passport(box_id=str(uuid.uuid4()), layout=LAYOUT, version=studio_version(), created_at=now)
    if found.encryption_key_id not in (None, key):
        raise Refusal(
            "The encryption key is not the one this volume was made with, so nothing sealed could be opened. "
            "Set ENCRYPTION_KEY (or keys/encryption_key) back to the former key."
        )
    warning = None
    if version_key(found.version) > version_key(studio_version()):
        warning = f"the volume was last used by Studio {found.version}, newer than this {studio_version()}"
    today = msgspec.structs.replace(
        found,
        encryption_key_id=key,
        # A part of the box that runs no Postgres does not decide where Postgres lives.
        storage=found.storage if storage in (None, Mode.external) and found.storage else storage,
    )
    if today != found or not path_of(settings).exists():
        replace(settings, today)
    return today, warning


def note_cluster(settings: Settings, found: Passport, major: int) -> Passport:
    """Write down that the database is here, once it is."""
    today = msgspec.structs.replace(found, postgres_major=major)
    if today != found:
        replace(settings, today)
    return today


def take_over(settings: Settings, found: Passport, seen: Seen) -> Passport:
    """The volume is this version's from now on."""
    today = msgspec.structs.replace(_with(found, seen), version=studio_version(), layout=LAYOUT)
    if today != found:
        replace(settings, today)
    return today


def note_seen(settings: Settings, found: Passport, seen: Seen) -> Passport:
    """Write down how far a take-over is."""
    today = _with(found, seen)
    replace(settings, today)
    return today


def _with(found: Passport, seen: Seen) -> Passport:
    """With this take-over as the newest; a second note of the same one replaces the first."""
    former = [one for one in found.seen if one.since != seen.since]
    return msgspec.structs.replace(found, seen=[seen, *former][:SEEN])


def replace(settings: Settings, passport: Passport) -> None:
    """Write the whole passport."""
    write_atomically(path_of(settings), msgspec.json.format(msgspec.json.encode(passport)) + b"\n")
