"""Where a worker stands: what its settings, its machine and its volume make of it."""

import contextlib
import os

from app.flow.messages import Lane
from app.kit.codec import decode_any
from app.kit.settings import Settings
from workers.memory import cpu_slots


class Unusable(Exception):
    """This worker cannot work until somebody changes something; the sentence says what."""


def slots_of(lane: Lane, settings: Settings, gpus: int) -> int:
    """How many steps of the lane to run at once: as set, else by the CPU quota or the cards."""
    if lane is Lane.gpu:
        return settings.gpu_slots or max(1, gpus)
    return settings.cpu_slots or cpu_slots()


def secret_of(settings: Settings) -> str:
    """The shared secret. Raises Unusable when there is none."""
    secret = settings.keys.worker_shared_secret
    if secret is None:
        raise Unusable(
            "there is no WORKER_SHARED_SECRET and no keys/worker_shared_secret this user may read; set the "
            "variable, or start the box once so that it makes its keys"
        )
    return secret


def box_id(settings: Settings) -> str | None:
    """The volume's id, when this worker can write into its blob folder; then it shares the bytes."""
    with contextlib.suppress(OSError, ValueError):
        facts = decode_any((settings.workspace / "studio.json").read_bytes())
        settings.blobs_dir.mkdir(parents=True, exist_ok=True)
        if os.access(settings.blobs_dir, os.W_OK | os.X_OK):
            return str(facts["box_id"])
    return None


def mark_at_work(settings: Settings, lane: Lane) -> None:
    """Leave a mark that this life has begun a step: should it end now, the box's watchdog counts no failed
    start. On a machine without a box nobody looks, and there is no such folder."""
    with contextlib.suppress(OSError):
        (settings.run_dir / "at-work" / f"worker-{lane}").touch()
