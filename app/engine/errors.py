"""Why the engine refuses a caller: what is wrong with the wish, or that now is not the time."""

from app.kit.errors import Conflict, Gone, NotFound, Unavailable


class InstanceNotFound(NotFound):
    """There is no such instance here."""


class InstanceAlreadyFinished(Conflict):
    """This instance has finished; start a new one to try again."""


class NothingToRun(Conflict):
    """This workflow has no steps yet; add one, and it can be run."""


class WorkflowBusy(Conflict):
    """As many instances of this workflow run as may; this one was not started."""


class InstanceStillRuns(Conflict):
    """This instance has not ended; cancel it or wait for its end before you run it again."""


class RunsForAStep(Conflict):
    """This instance runs for a step of another one; run that step again instead."""


class InstancePaused(Conflict):
    """This instance is paused; resume it first."""


class StepNotUnderWay(Conflict):
    """Only a step that is queued, runs or waits can be cancelled."""


class StepNotFound(NotFound):
    """This instance has no such step."""


class StepNotWaiting(Conflict):
    """This step does not wait for that; look at the instance again, somebody may have been faster."""


class CallbackUnknown(NotFound):
    """No step is called back at this address."""


class CallbackOver(Gone):
    """This address worked once: its step has been called, or its time is over."""


class CalledAlready(Conflict):
    """This step has been called already, and takes one call."""


class CalledTooEarly(Conflict):
    """This step does not wait yet; only a POST is kept for it."""


class VersionNotFound(NotFound):
    """There is no such version of a workflow here."""


class LargeValuesBusy(Unavailable):
    """Several instances work out expressions over large values just now; try again in a moment."""
