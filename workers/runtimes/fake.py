"""The family of the tests and of debug.gpu_work: waits, takes memory, ignores a stop, dies, all as told."""

import os
import signal
import time
from typing import Any

from workers.runtimes.base import Runtime, Work


class Fake(Runtime):
    """Everything a real family may do to a worker, without torch."""

    family = "fake"

    def run_work(
        self,
        work: Work,
        *,
        value: Any = None,
        seconds: float = 0.0,
        memory_bytes: int = 0,
        deaf: bool = False,
        die: bool = False,
    ) -> Any:
        """Give `value` back after `seconds`; `deaf` never asks whether to stop, `die` ends the child."""
        taken = bytearray(memory_bytes)
        end = time.monotonic() + seconds
        half = end - seconds / 2
        while (left := end - time.monotonic()) > 0:
            if die and time.monotonic() >= half:
                break
            if not deaf:
                work.check()
                if seconds >= 1:
                    work.progress(1 - left / seconds)
            time.sleep(min(left, 0.02))
        if die:
            os.kill(os.getpid(), signal.SIGSEGV)
        del taken
        return value

    def run_raise(self, work: Work, *, message: str) -> None:  # noqa: ARG002  every method takes its Work
        """Fail the way a CUDA fault does: by a RuntimeError with these words."""
        raise RuntimeError(message)

    def run_load(self, work: Work, *, name: str, needs_bytes: int = 0) -> list[str]:  # noqa: ARG002
        """Keep a pretended model; the names of all that are kept."""
        from workers.residency import MainMemory

        self.residency.get(name, object, needs_bytes, MainMemory())
        return self.residency.names
