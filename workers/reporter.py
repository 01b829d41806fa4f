"""What a step tells while it works, gathered and sent at most four times a second.

Progress overwrites itself, log lines queue up to a bound, a preview replaces the one before. A report that
does not get through is no fault of the step: lines wait for the next one, progress is soon stale anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from app.flow.messages import Job, LogLine, Report
from app.kit.clock import now, rfc3339
from app.kit.log import get_logger
from workers.refusals import ApiAway, Refused

log = get_logger(__name__)

INTERVAL_S: Final = 0.25
MAX_LINES: Final = 500  # waiting; older ones are dropped and counted
MAX_LINE_LETTERS: Final = 4_000
LAST_WORDS_S: Final = 2.0  # how long the end of a step waits for its last lines to go out

Send = Callable[[Report], Awaitable[bool]]


class Reporter:
    """The news of one attempt."""

    def __init__(self, job: Job, send: Send) -> None:
        self._job = job
        self._send = send
        self._fraction: float | None = None
        self._message: str | None = None
        self._preview: str | None = None
        self._lines: list[LogLine] = []
        self._dropped = 0
        self._has_news = False
        self._sending: asyncio.Task[None] | None = None

    def progress(self, fraction: float, message: str | None) -> None:
        """How far the step is; clamped to 0…1."""
        self._fraction = min(1.0, max(0.0, fraction))
        if message is not None:
            self._message = message[:500]
        self._stir()

    def line(self, message: str, level: str) -> None:
        """One more log line."""
        line = LogLine(at=rfc3339(now()), level=level, message=message[:MAX_LINE_LETTERS])
        if len(self._lines) >= MAX_LINES:
            del self._lines[0]
            self._dropped += 1
        self._lines.append(line)
        self._stir()

    def preview(self, data_url: str) -> None:
        """A picture of the work so far."""
        self._preview = data_url
        self._stir()

    async def close(self) -> None:
        """Send what is left, without holding the step's end up for long."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            self._sending = None
        if self._has_news and (self._lines or self._preview):
            try:
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._flush()
            except TimeoutError:
                log.debug("last log lines not delivered", action="report_lost", attempt=self._job.attempt_id)

    def drop(self) -> None:
        """Nobody wants this attempt's news any more."""
        self._has_news = False
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _stir(self) -> None:
        self._has_news = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.ensure_future(self._keep_sending())

    async def _keep_sending(self) -> None:
        while self._has_news:
            await self._flush()
            await asyncio.sleep(INTERVAL_S)

    async def _flush(self) -> None:
        self._has_news = False
        lines, self._lines = self._lines, []
        if self._dropped:
            note = f"({self._dropped} older lines were dropped)"
            lines = [LogLine(at=lines[0].at, level="warning", message=note), *lines]
            self._dropped = 0
        preview, self._preview = self._preview, None
        news = Report(
            attempt_id=self._job.attempt_id,
            fence=self._job.fence,
            progress_fraction=self._fraction,
            progress_message=self._message,
            logs=lines,
            preview=preview,
        )
        try:
            await self._send(news)
        except ApiAway:
            self._lines = [*lines, *self._lines][-MAX_LINES:]
        except Refused as exc:
            log.warning("the API did not take a report", action="report_refused", error=str(exc))
        except asyncio.CancelledError:
            # The step ended while its news was on the way; close() sends the lines once more.
            self._lines = [*lines, *self._lines][-MAX_LINES:]
            self._has_news = bool(self._lines)
            raise
