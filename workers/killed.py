"""What it means that a process of a step was killed: the system wanted its memory, or somebody ended it."""

import signal

from app.flow.messages import ErrorClass
from app.kit.memory import kills_by_memory
from app.steps.base import StepFailed


def explain_kill(code: int, kills_before: int, name: str) -> StepFailed | None:
    """The step's error when a signal from outside ended the process, or None when it ended in its own way.

    `code`: as subprocess tells it, negative for a signal; `kills_before`: `kills_by_memory()` at its start.
    """
    subject = name[:1].upper() + name[1:]
    if code == -signal.SIGKILL and kills_by_memory() > kills_before:
        return StepFailed(
            ErrorClass.out_of_memory,
            f"The system ended {name} because memory ran out.",
            remedy="Try a smaller size or fewer items at once, or give the box more memory.",
        )
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        return StepFailed(ErrorClass.lost, f"{subject} was ended from outside.", remedy="Try again.")
    return None
