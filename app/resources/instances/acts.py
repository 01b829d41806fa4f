"""What a person decides in a run that waits for people."""

from typing import Final

from app.resources.audit.record import Act

ANSWERED: Final = Act("run.answered", "answered {subject} of run {number}")
LET_GO_ON: Final = Act("run.step_started", "let {subject} of run {number} begin")
