"""What a running step gets from its worker: `app.steps.base.Context` made real."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar

from app.flow.messages import ErrorClass, Job
from app.flow.ports import Asset
from app.kit.outgoing import Outgoing, OutgoingFailed, Reason
from app.steps.base import Http, HttpAnswer, Program, StepFailed
from workers.children import ChildHost
from workers.files import Files
from workers.programs import run_program
from workers.reporter import Reporter

A = TypeVar("A", bound=Asset)

PREVIEW_SIDE_PX: Final = 320
PREVIEW_QUALITY: Final = 70

# What the guarded client's reasons mean to a retry policy.
CLASS_OF: Final = {
    Reason.bad_address: ErrorClass.bad_input,
    Reason.refused: ErrorClass.refused,
    Reason.unreachable: ErrorClass.transient,
    Reason.timeout: ErrorClass.transient,
    Reason.too_large: ErrorClass.refused,
}


class WorkerHttp:
    """The guarded client, speaking the steps' error classes."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float = 60.0,
        max_bytes: int = 64 * 1024 * 1024,
        into: Path | None = None,
    ) -> HttpAnswer:
        """Send a request; the body comes back in memory, or in the file `into`. Raises StepFailed."""
        try:
            answer = await self._outgoing.request(
                method,
                url,
                headers=headers,
                content=content,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                into=into,
            )
        except OutgoingFailed as exc:
            raise StepFailed(CLASS_OF[exc.reason], exc.message, remedy=exc.remedy) from exc
        return HttpAnswer(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            size_bytes=answer.size_bytes,
            url=answer.url,
        )


class WorkerRuntime:
    """A model family in this slot's child, its progress shown as the step's."""

    def __init__(self, family: str, host: ChildHost, reporter: Reporter) -> None:
        self._family = family
        self._host = host
        self._reporter = reporter

    async def call(self, method: str, **arguments: Any) -> Any:
        """Run one method. Raises StepFailed (out_of_memory, missing_model, bug, lost)."""
        return await self._host.call(self._family, method, arguments, self._note)

    async def _note(self, fraction: float | None, message: str | None) -> None:
        if fraction is not None:
            self._reporter.progress(fraction, message)
        elif message is not None:
            self._reporter.line(message, "info")


class WorkerContext:
    """The Context of one attempt."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        *,
        files: Files,
        reporter: Reporter,
        outgoing: Outgoing,
        threads: ThreadPoolExecutor,
        child: ChildHost | None,
    ) -> None:
        self._folder = folder
        self.seed = job.seed
        self.number = job.number
        self.age_s = job.age_s
        self.cancelled = asyncio.Event()
        self.http: Http = WorkerHttp(outgoing)
        self._files = files
        self._reporter = reporter
        self._threads = threads
        self._child = child

    @property
    def folder(self) -> Path:
        """Private scratch; made when first asked for, because most steps need none."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder

    async def fetch(self, asset: Asset) -> Path:
        """A local, read-only file with the asset's bytes."""
        return await self._files.fetch(asset)

    async def keep(self, path: Path, kind: type[A], name: str, mime: str | None = None) -> A:
        """Store a file the step made; it becomes an asset when the step completes."""
        return await self._files.keep(path, kind, name, mime)

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """How far the step is, 0 to 1."""
        self._reporter.progress(fraction, message)

    async def log(self, message: str, level: str = "info") -> None:
        """A line for the person who watches."""
        self._reporter.line(message, level)

    async def preview(self, path: Path) -> None:
        """A small picture of the work so far."""
        self._reporter.preview(await self.in_thread(_thumbnail, path))

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run blocking code with the worker's bounded number of threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def run_program(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], Awaitable[None]] | None = None,
        feed: AsyncIterator[bytes] | None = None,
    ) -> Program:
        """Run a program in the step's folder; it ends with the step."""
        return await run_program(argv, self.folder, on_line, feed)

    def runtime(self, family: str) -> WorkerRuntime:
        """A model family in the torch child."""
        if self._child is None:
            raise StepFailed(
                ErrorClass.bug, f"The runtime “{family}” is for steps of the gpu lane; this one is not."
            )
        return WorkerRuntime(family, self._child, self._reporter)


def _thumbnail(path: Path) -> str:
    """A picture file as a small JPEG data URL."""
    from app.steps.tools.pictures import flatten, open_picture

    side = PREVIEW_SIDE_PX
    with open_picture(path, path.name, near=(side, side)) as original:
        picture = flatten(original)
    picture.thumbnail((side, side))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
