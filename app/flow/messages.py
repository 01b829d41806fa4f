"""The worker protocol: what travels between a worker and the API, one struct a message.

JSON over HTTP under /internal/v1. A worker registers with the shared secret, then speaks with its own
token. Redis carries only doorbells (attempt ids) and cancels; every fact travels here.
"""

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

LEASE_S: Final = 20.0  # four missed heartbeats; a worker is believed dead after this
HEARTBEAT_S: Final = 5.0
CANCEL_CHANNEL: Final = "studio:cancel"
BELL_FUNCTION: Final = "ring"  # the one arq function; its only argument is the attempt id


class Lane(StrEnum):
    """Where a step runs: in the engine's own transaction, on a CPU worker, on a GPU worker."""

    inline = "inline"
    cpu = "cpu"
    gpu = "gpu"


class ErrorClass(StrEnum):
    """Why a step failed; retry policies speak of these."""

    bad_input = "bad_input"
    missing_model = "missing_model"
    out_of_memory = "out_of_memory"
    transient = "transient"
    timeout = "timeout"
    refused = "refused"
    lost = "lost"
    bug = "bug"


def queue_name(lane: str) -> str:
    """The arq queue of a lane."""
    return f"studio:queue:{lane}"


def wake_channel(lane: str) -> str:
    """The pub/sub channel that wakes a lane's workers at once."""
    return f"{queue_name(lane)}:wake"


def live_channel(instance_id: UUID) -> str:
    """The pub/sub channel of one instance's events and progress."""
    return f"studio:live:{instance_id}"


class LaneSlots(msgspec.Struct, frozen=True):
    """How many attempts of a lane a worker runs at once."""

    lane: Lane
    slots: int


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One card, as NVML reports it. `xid`: the last error of the card itself that its driver told since the
    worker began; errors of programs that ran on it do not count.
    """

    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization_percent: int | None = None
    temperature_c: int | None = None
    driver: str | None = None
    xid: int | None = None


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """A worker introduces itself. `box_id`: read from the volume's studio.json, if it sees the volume.

    `process_table`: where its pid counts. `former`: who it was until now, when the API has forgotten it; what
    that one held is nobody's any more.
    """

    name: str
    host: str
    pid: int
    version: str
    lanes: list[LaneSlots]
    gpus: list[Gpu] = []
    box_id: str | None = None
    process_table: str | None = None
    former: UUID | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: who the worker is now. `shared_blobs`: it may write into the blob folder directly."""

    worker_id: UUID
    token: str
    lease_s: float
    heartbeat_s: float
    shared_blobs: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the most urgent work of a lane. `attempt_id`: of the bell that woke the worker, for its log."""

    lane: Lane
    attempt_id: UUID | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One leased attempt with everything the step needs. `inputs` are resolved; assets are full facts."""

    attempt_id: UUID
    fence: int
    lane: Lane
    kind: str
    version: int
    inputs: dict[str, Any]
    instance_id: UUID
    step_id: UUID
    organization_id: UUID
    node_id: str
    path: list[int]
    number: int  # which try this is, from 1
    seed: int  # the same for every try of a step, so that a retry draws the same picture
    deadline_s: float | None  # seconds from the claim until the step times out
    age_s: float = 0.0  # since the step first ran, however often it was tried or postponed
    others_wait: bool = False  # in this lane, at the moment of the claim


class Lease(msgspec.Struct, frozen=True):
    """One attempt a worker believes it holds."""

    attempt_id: UUID
    fence: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """All leases of a worker in one call, with the facts the system page shows."""

    leases: list[Lease]
    gpus: list[Gpu] = []
    memory_used_bytes: int | None = None
    resident_models: list[str] = []


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a heartbeat: stop these (cancelled), forget these (the lease is another's now)."""

    cancelled: list[UUID]
    lost: list[UUID]


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line a step wrote. `at`: RFC 3339."""

    at: str
    level: str
    message: str


class NewBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A file a step made: already stored under its hash, to become an asset when the step finishes.

    `asset` is the id the worker gave it (UUIDv7); the outputs name it by that id.
    """

    asset: UUID
    name: str
    mime: str
    size_bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Progress (0 to 1), log lines and a preview (small JPEG as a data URL), batched."""

    attempt_id: UUID
    fence: int
    progress_fraction: float | None = None
    progress_message: str | None = None
    logs: list[LogLine] = []
    preview: str | None = None


class StepError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step failed: a class for policies, a sentence and a next move for people."""

    error_class: ErrorClass = msgspec.field(name="class")
    message: str
    remedy: str | None = None
    retry_after_s: float | None = None  # the remote side's own wish (Retry-After)


class Completed(msgspec.Struct, frozen=True, kw_only=True, tag="completed"):
    """The step has its outputs."""

    outputs: dict[str, Any]
    blobs: list[NewBlob] = []


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The step could not do its work."""

    error: StepError


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, tag="cancelled"):
    """The worker stopped because it was told to."""


class GivenBack(msgspec.Struct, frozen=True, kw_only=True, tag="given_back"):
    """The worker is leaving; the attempt goes to another and uses up no retry."""


class Postponed(msgspec.Struct, frozen=True, kw_only=True, tag="postponed"):
    """The step waits for something outside and asks again later; meanwhile it holds no worker."""

    delay_s: float
    reason: str


Outcome = Completed | Failed | Cancelled | GivenBack | Postponed


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one attempt; sent again until it is acknowledged, the fence makes the second harmless."""

    attempt_id: UUID
    fence: int
    outcome: Outcome
    take_next: bool = False


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """`accepted` is False for a late or double report; `next` is already leased to this worker."""

    accepted: bool
    next: Job | None = None
