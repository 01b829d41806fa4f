"""The torch child: `python -m workers.child <descriptor>`. One call at a time, models kept between them.

It speaks frames over the inherited socket and nothing else: no network, no token, no settings. What libraries
print goes to standard error, which the worker keeps for its log. When the worker dies, so does the child.
"""

import ctypes
import importlib
import importlib.util
import os
import queue
import re
import signal
import socket
import sys
import threading
import traceback
from typing import Any, Final, TypeGuard

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from workers import frames
from workers.residency import MainMemory, Residency
from workers.runtimes.base import Runtime, Stopped

PR_SET_PDEATHSIG: Final = 1
FAMILY: Final = re.compile(r"[a-z][a-z0-9_]*")
PACKAGE: Final = "workers.runtimes"

# How out-of-memory reads in torch, CUDA, cuDNN and the CPU allocator; torch raises several types for it.
OUT_OF_MEMORY: Final = re.compile(
    r"out of memory|can't allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE
)
# After these the CUDA context is dead; only a new process has a working one.
CARD_IS_LOST: Final = re.compile(
    r"device-side assert|illegal memory access|unspecified launch failure|CUDA error: (?!out of memory)",
    re.IGNORECASE,
)


class FamilyUnknown(Exception):
    """There is no such module among the runtimes."""


class Child:
    """Reads calls in a thread, runs them one after the other in the main thread."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._calls: queue.SimpleQueue[frames.Call | None] = queue.SimpleQueue()
        self._stopped: set[int] = set()
        self._families: dict[str, Runtime] = {}
        self._sending = threading.Lock()
        self.residency = Residency(lambda names: self.send(frames.Resident(names)))

    def serve(self) -> None:
        """Answer calls until the worker hangs up."""
        threading.Thread(target=self._read, daemon=True).start()
        self.send(frames.Ready(os.getpid()))
        while (call := self._calls.get()) is not None:
            answer = self._run(call)
            self.send(answer)
            if isinstance(answer, frames.Fault) and answer.is_final:
                return

    def send(self, frame: frames.FromChild) -> None:
        """A frame to the worker."""
        data = frames.pack(frame)
        with self._sending:
            self._channel.sendall(data)

    def is_stopped(self, call_id: int) -> bool:
        """Whether this call is to end."""
        return call_id in self._stopped

    def _read(self) -> None:
        while True:
            frame = frames.receive_blocking(self._channel)
            match frame:
                case frames.Call():
                    self._calls.put(frame)
                case frames.Stop():
                    self._stopped.add(frame.id)
                case None:
                    # The worker is gone. Whatever runs in the main thread has nobody to answer to.
                    os._exit(0)

    def _run(self, call: frames.Call) -> frames.FromChild:
        try:
            value = self._method(call)(_Work(self, call.id), **call.arguments)
            return frames.Answer(call.id, value)
        except Stopped:
            return frames.Stopped(call.id)
        except StepFailed as exc:
            return frames.Fault(call.id, exc.error_class, exc.message, exc.remedy)
        except FamilyUnknown:
            return frames.Fault(
                call.id,
                ErrorClass.missing_model,
                f"This worker has no runtime “{call.family}”.",
                "Update the worker to the version of the API.",
            )
        except Exception as exc:  # noqa: BLE001  the one place where a family's faults become an answer
            return self._fault(call, exc)

    def _fault(self, call: frames.Call, exc: Exception) -> frames.Fault:
        detail = "".join(traceback.format_exception(exc))
        text = str(exc)
        if isinstance(exc, MemoryError) or OUT_OF_MEMORY.search(text):
            del exc
            self.residency.drop_all(MainMemory())
            _empty_card_cache()
            return frames.Fault(
                call.id,
                ErrorClass.out_of_memory,
                "There was not enough memory for this step on the worker.",
                "Try a smaller size, fewer items at once, or a bigger card.",
                detail,
            )
        lost = bool(CARD_IS_LOST.search(text))
        words = (text.strip().splitlines() or [""])[0][:300]
        message = f"The model code failed: {type(exc).__name__}{': ' + words if words else ''}."
        return frames.Fault(call.id, ErrorClass.bug, message, None, detail, is_final=lost)

    def _method(self, call: frames.Call) -> Any:
        runtime = self._families.get(call.family)
        if runtime is None:
            runtime = self._families[call.family] = find_family(call.family)(self.residency)
        return runtime.methods()[call.method]


class _Work:
    """The call as its family sees it."""

    def __init__(self, child: Child, call_id: int) -> None:
        self._child = child
        self._id = call_id

    def check(self) -> None:
        if self._child.is_stopped(self._id):
            raise Stopped

    def progress(self, fraction: float, message: str | None = None) -> None:
        self._child.send(frames.Note(self._id, fraction, message))


def find_family(family: str) -> type[Runtime]:
    """The class of a family, from `workers/runtimes/<family>.py`. Raises FamilyUnknown."""
    path = f"{PACKAGE}.{family}"
    if not FAMILY.fullmatch(family) or importlib.util.find_spec(path) is None:
        raise FamilyUnknown(family)
    for value in vars(importlib.import_module(path)).values():
        if _is_family(value, path):
            return value
    raise FamilyUnknown(family)


def _is_family(value: object, path: str) -> TypeGuard[type[Runtime]]:
    """Whether this is a family of its module's own; the base has no name and is none."""
    return (
        isinstance(value, type)
        and issubclass(value, Runtime)
        and value.__module__ == path
        and hasattr(value, "family")
    )


def _empty_card_cache() -> None:
    """Hand cached graphics memory back, if torch is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def main(descriptor: int) -> None:
    """Serve on the socket the worker left open under this number."""
    # The kernel kills us with our worker, also when that one is killed without warning.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the worker decides
    os.dup2(2, 1)  # libraries that print would otherwise speak out of turn
    Child(socket.socket(fileno=descriptor)).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
