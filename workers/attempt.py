"""One attempt from its job to its outcome: inputs checked, step run, faults given a class and a sentence."""

import asyncio
import errno
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
from structlog.contextvars import bound_contextvars

from app.flow.messages import Completed, ErrorClass, Failed, Job, Outcome, Postponed, StepError
from app.flow.mismatch import explain
from app.kit import traces
from app.kit.blobs import BlobFolder
from app.kit.codec import to_plain
from app.kit.log import get_logger
from app.kit.outgoing import Outgoing
from app.kit.volume import RoomState, VolumeAway, VolumeFull, Watch
from app.steps.base import Declaration, StepFailed, StepType, TryLater
from workers.children import ChildHost
from workers.context import WorkerContext
from workers.files import Files, remove_folder
from workers.gateway import Gateway
from workers.refusals import ApiAway, Refused
from workers.reporter import Reporter

log = get_logger(__name__)

NO_ROOM_PAUSE_S: Final = 30.0
MAX_OUTPUT_BYTES: Final = 32 * 1024 * 1024  # outputs live in the database; what is larger is a file


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What all attempts of a worker share."""

    gateway: Gateway
    steps: Mapping[str, type[Declaration[Any, Any]]]
    scratch: Path  # private folders, one an attempt
    blobs: BlobFolder | None
    watch: Watch = Watch()  # of the box's volume, where this worker shares it
    outgoing: Outgoing
    threads: ThreadPoolExecutor


async def perform(job: Job, shop: Workshop, child: ChildHost | None) -> Outcome:
    """Run the step of a job. Every fault becomes an outcome; only a cancellation passes through."""
    with bound_contextvars(
        instance=job.instance_id, attempt=job.attempt_id, organization=job.organization_id
    ):
        return await _perform(job, shop, child)


async def _perform(job: Job, shop: Workshop, child: ChildHost | None) -> Outcome:
    started = time.monotonic()
    folder = shop.scratch / str(job.attempt_id)
    reporter = Reporter(job, shop.gateway.report)
    files = Files(folder, shop.gateway, shop.blobs, shop.watch)
    context = WorkerContext(
        job,
        folder,
        files=files,
        reporter=reporter,
        outgoing=shop.outgoing,
        threads=shop.threads,
        child=child,
    )
    try:
        try:
            outcome = await _run(job, shop, context, files)
        except asyncio.CancelledError:
            context.cancelled.set()
            reporter.drop()
            raise
        await reporter.close()
    finally:
        await files.close()
        if folder.exists():
            await asyncio.to_thread(remove_folder, folder)
    _tell(job, outcome, time.monotonic() - started)
    return outcome


async def _run(job: Job, shop: Workshop, context: WorkerContext, files: Files) -> Outcome:
    try:
        step_type = _step_type(job, shop)
        inputs = _inputs(job, step_type)
        deadline = asyncio.timeout(job.deadline_s)
        try:
            async with deadline:
                outputs = await step_type().run(inputs, context)
        except TimeoutError:
            if not deadline.expired():
                raise
            return _failed(
                ErrorClass.timeout,
                f"The step took longer than its {job.deadline_s:g} s.",
                "Give it a larger timeout_s, or less to do.",
            )
        return _completed(outputs, files)
    except TryLater as exc:
        return Postponed(delay_s=exc.delay_s, reason=exc.reason)
    except (VolumeFull, VolumeAway) as exc:
        return _no_room(exc.detail)
    except StepFailed as exc:
        if shop.watch.room().state is RoomState.shut:
            # Programs that run into the end of the disk say so in a hundred ways.
            return _no_room(shop.watch.room().sentence)
        error = StepError(
            error_class=exc.error_class,
            message=exc.message,
            remedy=exc.remedy,
            retry_after_s=exc.retry_after_s,
        )
        return Failed(error=error)
    except (ApiAway, Refused) as exc:
        return _failed(
            ErrorClass.transient, f"The box did not answer while files were exchanged: {exc}.", "Try again."
        )
    except MemoryError:
        return _failed(
            ErrorClass.out_of_memory,
            "There was not enough memory for this step.",
            "Try a smaller size or fewer items.",
        )
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return _no_room("The disk of the worker is full.")
        return _bug(job, exc)
    except Exception as exc:  # noqa: BLE001  the one place where a step's fault becomes an outcome
        return _bug(job, exc)


def _no_room(why: str) -> Postponed:
    """What a step made could not be kept. It runs again when there is room, and no retry is used up."""
    return Postponed(delay_s=NO_ROOM_PAUSE_S, reason=f"{why} The step is tried again when there is room.")


def _step_type(job: Job, shop: Workshop) -> type[StepType[Any, Any]]:
    found = shop.steps.get(job.kind)
    if found is None or not issubclass(found, StepType):
        raise StepFailed(
            ErrorClass.refused,
            f"This worker does not know the step type “{job.kind}”.",
            remedy="Update the worker to the version of the API.",
        )
    if found.version != job.version:
        raise StepFailed(
            ErrorClass.refused,
            f"This worker has version {found.version} of “{job.kind}”, the API has {job.version}.",
            remedy="Update the worker to the version of the API.",
        )
    return found


def _inputs(job: Job, step_type: type[StepType[Any, Any]]) -> Any:
    try:
        return msgspec.convert(job.inputs, step_type.Inputs)
    except msgspec.ValidationError as exc:
        message = explain(str(exc), step_type.Inputs).message
        raise StepFailed(ErrorClass.bad_input, message, remedy="Correct the step's inputs.") from exc


def _completed(outputs: msgspec.Struct, files: Files) -> Outcome:
    plain: dict[str, Any] = to_plain(outputs)
    if len(msgspec.json.encode(plain)) > MAX_OUTPUT_BYTES:
        return _failed(
            ErrorClass.refused,
            f"The step's outputs are larger than {MAX_OUTPUT_BYTES // 1024**2} MB.",
            "Let it make a file, or less.",
        )
    return Completed(outputs=plain, blobs=files.made)


def _bug(job: Job, exc: Exception) -> Failed:
    """Something nobody foresaw: the log has the trace, the person a reference to it."""
    log.error(
        "a step failed unexpectedly",
        action="step_bug",
        kind=job.kind,
        exc_info=exc,
    )
    return _failed(
        ErrorClass.bug,
        f"The step “{job.kind}” failed in a way it did not foresee: {type(exc).__name__}.",
        f"The worker's log has the details under attempt {job.attempt_id}.",
    )


def _failed(error_class: ErrorClass, message: str, remedy: str) -> Failed:
    return Failed(error=StepError(error_class=error_class, message=message, remedy=remedy))


def _tell(job: Job, outcome: Outcome, seconds: float) -> None:
    if traces.is_on():
        _trace(job, outcome, seconds)
    match outcome:
        case Failed(error=error):
            log.warning(
                "job failed",
                action="job_failed",
                kind=job.kind,
                error_class=error.error_class,
                error=error.message,
                seconds=round(seconds, 3),
            )
        case Postponed():
            log.debug("job postponed", action="job_postponed", kind=job.kind)
        case _:
            log.info(
                "job completed",
                action="job_completed",
                kind=job.kind,
                seconds=round(seconds, 3),
            )


def _trace(job: Job, outcome: Outcome, seconds: float) -> None:
    """The span of this attempt, below that of its instance."""
    instance = traces.place_of_instance(job.instance_id)
    traces.record(
        job.kind,
        traces.child(instance, str(job.attempt_id)),
        took_s=seconds,
        parent=instance.span,
        attributes={
            "studio.instance": str(job.instance_id),
            "studio.organization": str(job.organization_id),
            "studio.step": str(job.step_id),
            "studio.node": job.node_id,
            "studio.attempt": job.number,
            "studio.lane": job.lane.value,
        },
        error=outcome.error.message if isinstance(outcome, Failed) else None,
    )
