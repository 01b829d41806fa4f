"""Is this the volume that was here before? An empty folder where a box lived is refused, never made anew.

Two memories tell it. The volume's own passport names what has to lie beside it. And this machine's disk
remembers which box was mounted at this path: a container that is started again before its volume is mounted
would otherwise begin a second, empty box, and people would believe everything lost.
"""

from pathlib import Path

import msgspec

from app.kit.passport import Passport
from app.kit.settings import Settings
from app.kit.volume import Mode
from appliance import passport
from appliance.files import write_atomically
from appliance.probing import is_mount, mount_of
from appliance.refusal import Refusal

AWAY = 75  # EX_TEMPFAIL: nothing to change here, only to mount what is missing


class Memory(msgspec.Struct, frozen=True):
    """Which box was mounted here, kept outside of its volume."""

    box_id: str
    workspace: str


def expect(settings: Settings) -> None:
    """Call it before anything is written to the workspace. Raises Refusal when a volume should be here and
    is not.
    """
    workspace = settings.workspace
    if settings.runpod_volume and not mount_of(workspace)[0].strip("/"):
        raise Refusal(
            f"RunPod says that the network volume {settings.runpod_volume} belongs to this pod, but nothing "
            f"is mounted at {workspace}, and what is written there is lost at the next stop. Set "
            "WORKSPACE_PATH to where the volume is mounted, or mount it there.",
            exit_code=AWAY,
        )
    before = _recall(settings)
    if before is None or before.workspace != str(workspace) or passport.path_of(settings).exists():
        return
    raise Refusal(
        f"The box {before.box_id} lived on a volume at {workspace}, and now there is none of it there: the "
        "volume is not mounted, or it is another one. Mount it and start Studio again. To begin a new box "
        f"here instead, remove {_path_of(settings)}.",
        exit_code=AWAY,
    )


def compare(settings: Settings, found: Passport | None, mode: Mode) -> None:
    """Whether what the passport names is there. Raises Refusal: making it anew would hide the loss."""
    workspace = settings.workspace
    clusters = list((workspace / "postgres").glob("*/PG_VERSION"))
    bases = list((workspace / "hydrate").glob("*/bases/*/backup_manifest"))
    if found is None:
        if clusters or bases:
            raise Refusal(
                f"{workspace} holds a database but no studio.json, which says whose it is. Put studio.json "
                "and keys/ back from a backup of the volume; without its keys nothing sealed could be opened."
            )
        return
    if not settings.blobs_dir.is_dir():
        raise Refusal(
            f"{workspace} is the volume of the box {found.box_id}, but its folder blobs/, with every file, "
            "is not there. Mount it, or put it back from a backup, and start Studio again."
        )
    if mode is Mode.external or not found.postgres_major:
        return
    here, there = (bases, clusters) if mode is Mode.hydrate else (clusters, bases)
    missing = "hydrate/" if mode is Mode.hydrate else "postgres/"
    if there and not here:
        raise Refusal(
            f"The database of this volume is kept in the mode {found.storage}, and STORAGE_MODE is {mode}, "
            "which would begin an empty one. Unset STORAGE_MODE to go on as before."
        )
    if not here:
        raise Refusal(
            f"{workspace} is the volume of the box {found.box_id}, but its database, the folder {missing}, "
            "is not there. Put it back from a backup; Studio does not begin an empty one in its place."
        )


def remember(settings: Settings, today: Passport) -> None:
    """Note on this machine's disk which box is mounted here. A folder that is no mount cannot be missing."""
    path = _path_of(settings)
    if not is_mount(settings.workspace):
        return
    memory = Memory(box_id=today.box_id, workspace=str(settings.workspace))
    if _recall(settings) == memory:
        return
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.encode(memory))
    except OSError:
        return  # a root that is read-only forgets with every start; then there is nothing to compare


def _path_of(settings: Settings) -> Path:
    return settings.storage_local / "volume-was-here.json"


def _recall(settings: Settings) -> Memory | None:
    try:
        return msgspec.json.decode(_path_of(settings).read_bytes(), type=Memory)
    except (OSError, msgspec.DecodeError):
        return None
