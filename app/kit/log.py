"""Logging: a sentence for people plus fields for machines, through one voice.

log = get_logger(__name__)
log.info("step finished", action="step_done", instance=instance_id)
"""

import logging
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from app.kit.settings import LogSettings
from app.kit.voice import Voice, emit


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger for a module; usable before `configure`, which decides how it looks."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def configure(service: str, settings: LogSettings) -> None:
    """Make this process speak as `service`. Standard-library loggers (uvicorn, arq) join the same voice."""
    voice = Voice(service, settings)

    def render(_logger: WrappedLogger, method: str, event: EventDict) -> str:
        message = str(event.pop("event", ""))
        message = message[:1].upper() + message[1:]
        event = {key: value for key, value in event.items() if value is not None}
        failure = event.pop("exception", None)
        if failure:
            event["exception"] = failure
        return voice.line(method, message, event)

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level)),
        logger_factory=_Emitter,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(voice)]
    root.setLevel(settings.level)
    # Libraries that tell every poll or request at INFO; their warnings still come through.
    for noisy in ("arq", "httpx", "httpcore", "uvicorn.access", "alembic", "asyncio", "PIL"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, getattr(logging, settings.level)))
    # It warns of every malformed upload; the sender gets a sentence, and callers must not fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


class _Emitter:
    """What structlog writes with; the line arrives rendered."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        emit(line)

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class _Bridge(logging.Handler):
    """Standard-library records in the house's voice."""

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        about = structlog.contextvars.get_contextvars()
        fields = {name: value for name, value in about.items() if value is not None}
        if record.exc_info:
            fields["exception"] = "".join(traceback.format_exception(*record.exc_info)).strip()
        emit(self._voice.line(record.levelname, message, fields))
