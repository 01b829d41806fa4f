"""Which snapshots lead to the moment that somebody asks for, and what the backup says of itself."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from app.kit.version import studio_version, version_key
from appliance.backup import manifest as manifests
from appliance.backup.make import STAGING
from appliance.backup.manifest import Manifest
from appliance.backup.restic import Repository, Stored
from appliance.refusal import Refusal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which snapshots lead to the moment that was asked for."""

    base: Stored
    further: Stored | None  # holds the log, and the files, from the base to that moment
    at: datetime | None
    following: Stored | None = None  # the next backup after that moment


def choose(stored: Sequence[Stored], at: datetime | None) -> Plan:
    """The newest backup, or the one before `at` and what leads from it to there. Raises Refusal."""
    whole = [one for one in stored if one.is_whole]
    if not whole:
        raise Refusal("The repository holds no backup of this box.")
    if at is None:
        return Plan(base=whole[0], further=None, at=None)
    exact = next((one for one in whole if one.moment == at), None)
    if exact is not None:
        return Plan(base=exact, further=None, at=None)
    base = next((one for one in whole if one.moment < at), None)
    if base is None:
        raise Refusal(
            f"The oldest backup is of {_said(whole[-1].moment)}; nothing before that can be reached."
        )
    following = next((one for one in reversed(whole) if one.moment > at), None)
    if base.kind == "dump":
        raise Refusal(
            f"The database was elsewhere then, and its log is kept by its provider, who alone can reach "
            f"{_said(at)}. The nearest backups are those beside it: say {_beside(base, following)}."
        )
    later = [one for one in stored if one.line == base.line and one.moment > base.moment]
    if not later or later[0].moment < at:
        end = later[0].moment if later else base.moment
        raise Refusal(
            f"The log of that time reaches until {_said(end)}. Choose a moment up to then, or leave out --at "
            "for the newest backup."
        )
    further = next(one for one in reversed(later) if one.moment >= at)
    return Plan(base=base, further=further, at=at, following=following)


def read_manifest(repository: Repository, snapshot: Stored) -> Manifest:
    """What a backup says about itself. Raises Refusal when it is damaged or from the future."""
    try:
        found = manifests.read(repository.read(snapshot.id, f"/{STAGING}/manifest.json"))
    except msgspec.MsgspecError as exc:
        raise Refusal(f"The manifest of backup {snapshot.id} is damaged ({exc}).", exit_code=74) from exc
    if found.format > manifests.FORMAT or version_key(found.studio) > version_key(studio_version()):
        raise Refusal(
            f"Backup {snapshot.id} was made by Studio {found.studio}, and this is {studio_version()}. "
            "Restore it with that version or a newer one."
        )
    return found


def unreachable(plan: Plan, at: datetime) -> str:
    """Why a moment is out of reach, and which are near."""
    return (
        f"{_said(at)} cannot be reached any more: a backup in between was dropped, and the log that led "
        "there went with it. The nearest moments are those of the backups beside it: say "
        f"{_beside(plan.base, plan.following)}."
    )


def _beside(before: Stored, after: Stored | None) -> str:
    near = [one.moment for one in (before, after) if one is not None]
    return " or ".join(f"--at {moment.astimezone(UTC).isoformat()}" for moment in near)


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
