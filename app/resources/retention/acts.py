"""What is kept, and what was let go."""

from typing import Final

from app.resources.audit.record import Act

CHOSEN: Final = Act(
    "retention.chosen",
    "chose to keep runs {runs}, their events and log lines {details}, and this list {audit} days",
)
RUN: Final = Act("retention.run", "let go {runs} runs and {events} events of what had ended")
COLLECTED: Final = Act(
    "retention.bytes_collected", "deleted the bytes of {files} files that nothing named, {size}"
)
