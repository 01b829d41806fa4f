"""What a step type is: one class in one file, found by walking this package.

A step type declares its kind, version, lane and typed inputs and outputs; the palette, the form, the port
colours, validation and the docs page read from that declaration. `run` gets checked inputs and a Context
and nothing else: no database, no settings.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from app.flow.catalog import Branches
from app.flow.messages import ErrorClass, Lane
from app.flow.ports import Asset
from app.flow.states import InstanceStatus
from app.flow.waits import Answer, WaitKind, Who

I = TypeVar("I", bound=msgspec.Struct)  # noqa: E741  the inputs struct of a step type
O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741  the outputs struct of a step type
A = TypeVar("A", bound=Asset)


class StepFailed(Exception):
    """A step cannot do its work: a class for retry policies, a sentence and a next move for people."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        remedy: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.error_class = error_class
        self.message = message
        self.remedy = remedy
        self.retry_after_s = retry_after_s
        super().__init__(message)


class TryLater(Exception):
    """A step waits for something outside and wants to look again later: it gives its worker back.

    No retry is used up. When to give up is the step's to say, by `Context.age_s`.
    """

    def __init__(self, delay_s: float, reason: str) -> None:
        self.delay_s = delay_s
        self.reason = reason
        super().__init__(reason)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A finished child program. `output` is its standard output, `tail` the end of its standard error."""

    returncode: int
    output: bytes
    tail: str


class Runtime(Protocol):
    """A model family in the torch child; methods run there, arguments and answers cross as JSON."""

    async def call(self, method: str, **arguments: Any) -> Any:
        """Run one method. Raises StepFailed (out_of_memory, missing_model, bug)."""


class Http(Protocol):
    """The one way out: http(s) only, private addresses refused, every redirect checked again."""

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
    ) -> "HttpAnswer":
        """Send a request; the body comes back in memory, or in the file `into`."""


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Status, headers (lower-case names) and body; `body` is empty when it went into a file."""

    status: int
    headers: dict[str, str]
    body: bytes
    size_bytes: int
    url: str  # after redirects


class Context(Protocol):
    """What a running step may do beside computing: files, progress, logs, programs, runtimes."""

    seed: int  # the same for every try of this step
    number: int  # which try this is, from 1
    age_s: float  # how long ago the step first ran, when this try began
    cancelled: asyncio.Event
    http: Http

    @property
    def folder(self) -> Path:
        """Private scratch, made when first asked for and removed after the step."""

    async def fetch(self, asset: Asset) -> Path:
        """A local, read-only file with the asset's bytes."""

    async def keep(self, path: Path, kind: type[A], name: str, mime: str | None = None) -> A:
        """Store a file the step made; it becomes an asset when the step completes. Sniffs the type."""

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """How far the step is, 0 to 1; cheap, sent at most a few times a second."""

    async def log(self, message: str, level: str = "info") -> None:
        """A line for the person who watches."""

    async def preview(self, path: Path) -> None:
        """A small picture of the work so far."""

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run blocking code off the event loop, with the worker's bounded number of threads."""

    async def run_program(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], Awaitable[None]] | None = None,
        feed: AsyncIterator[bytes] | None = None,
    ) -> Program:
        """Run a program such as ffmpeg in a process group of its own, killed when the step is cancelled.

        `on_line` gets each line of its standard output (then `output` stays empty); `feed` is its standard
        input. Raises StepFailed when the program is not there, or was killed: for memory (out_of_memory), or
        from outside (lost).
        """

    def runtime(self, family: str) -> Runtime:
        """A model family of `workers/runtimes` in the torch child (GPU lane only)."""


class Pause(msgspec.Struct, frozen=True):
    """An inline step's wish to go on later: it waits, holds no worker, then completes with `outputs`."""

    until: datetime
    outputs: dict[str, Any]
    reason: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """An inline step's wish to go on when somebody has answered; its `answer` judges what comes."""

    on: WaitKind
    reason: str  # for whoever looks at the instance
    request: dict[str, Any] = {}  # what is asked, for whoever answers; large values stay in the inputs
    who: Who | None = None  # may answer; None: whoever can reach it
    until: datetime | None = None  # then `expire` decides; None: as long as it takes


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """An inline step's wish to end the whole instance, now and in this way."""

    status: InstanceStatus  # completed or failed
    message: str  # the error of an instance that fails
    outputs: dict[str, Any]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow to be run for a step, and on what. Without `workflow`: the body written into the step."""

    inputs: dict[str, Any]
    workflow: str | None = None  # its id
    version: int | None = None  # None: the one that runs today


class Again(msgspec.Struct, frozen=True):
    """A step's wish for one more round."""

    delay_s: float = 0.0


class Later(Protocol):
    """Works out a value that is worked out while the step runs, with the names its port declares.

    Raises StepFailed. None where nothing was written.
    """

    def __call__(self, port: str, **names: Any) -> Any: ...


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs that a reader can try; the walk-all test runs those marked `runs_offline`.

    In `inputs` a file is written as {"sample": "photo.jpg"}; the test draws it.
    """

    title: str
    inputs: dict[str, Any]
    runs_offline: bool = True


class Declaration(Generic[I, O]):
    """What every step type declares, whichever way it runs."""

    kind: ClassVar[str]  # `image.transform`: subject.verb, as in documents
    version: ClassVar[int]  # raised when the same inputs give other outputs
    lane: ClassVar[Lane]
    title: ClassVar[str]
    summary: ClassVar[str]
    category: ClassVar[str]  # its group in the palette, the same for every kind of one family: Images
    hidden: ClassVar[bool] = False  # not offered in the palette
    timeout_s: ClassVar[float | None] = None  # default when the node names none
    cacheable: ClassVar[bool] = False  # the same inputs give the same outputs, whatever the seed
    branches: ClassVar[Branches | None] = None  # the ways that lead on, where not all do
    ends: ClassVar[bool] = False  # it may end the whole instance (`Stop`)
    has_address: ClassVar[bool] = False  # it waits for calls (WaitKind.callback) at an address of its own
    Inputs: type[I]
    Outputs: type[O]
    examples: ClassVar[tuple[Example, ...]] = ()

    @classmethod
    def cache_salt(cls) -> str:
        """What else decides the outputs of a cacheable step, such as the version of its model's weights."""
        return ""


class StepType(Declaration[I, O]):
    """A step that a worker runs (lane cpu or gpu)."""

    async def run(self, inputs: I, ctx: Context) -> O:
        """Do the work. Raises StepFailed, TryLater; anything else counts as a bug of the step."""
        raise NotImplementedError


class InlineStepType(Declaration[I, O]):
    """A step that the engine evaluates inside its own transaction: pure, quick, no I/O."""

    lane: ClassVar[Lane] = Lane.inline
    later: Later  # set by the engine

    def evaluate(self, inputs: I, now: datetime) -> O | Pause | Wait | Stop:
        """The outputs, or what the step wishes instead. `now` is the database's time. Raises StepFailed."""
        raise NotImplementedError

    def answer(self, inputs: I, answers: Sequence[Answer], now: datetime) -> O | Wait | None:
        """What a waiting step makes of its answers, the newest last; None: it goes on waiting.

        Raises StepFailed to fail the step; Forbidden or Invalid to refuse the newest answer.
        """
        raise NotImplementedError

    def expire(self, inputs: I, answers: Sequence[Answer], now: datetime) -> O | Wait:
        """What comes of a wait whose time is over. Raises StepFailed, as it does by default."""
        del inputs, answers, now
        raise StepFailed(
            ErrorClass.timeout,
            "Nobody answered in time.",
            remedy="Run the workflow again, or give the step more time.",
        )


class CallStepType(Declaration[I, O]):
    """A step that runs another workflow, or the body written into it, once or in rounds.

    It waits meanwhile and holds no worker. `Outputs` declares what it gives beside the outputs of what it
    runs, whose names and types it has as well.
    """

    lane: ClassVar[Lane] = Lane.inline
    later: Later  # set by the engine

    def call(self, inputs: I, round_number: int, last: dict[str, Any] | None) -> Call:
        """What to run in this round, from 1; `last`: what the round before gave. Raises StepFailed."""
        raise NotImplementedError

    def returned(self, inputs: I, round_number: int, outputs: dict[str, Any]) -> dict[str, Any] | Again:
        """The step's outputs, or one more round, now that this one has given `outputs`. Raises StepFailed."""
        raise NotImplementedError
