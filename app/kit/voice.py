"""How one log line looks, for every program of the box, Postgres and Redis included.

Pretty: `studio-api (172.17.0.2) | 15:33:19.086 | INFO | Instance started`
JSON:   `{"timestamp": "…Z", "level": "INFO", "service": "studio-api", "host": "…", "message": "…", …}`

A line begins as a record. Inside a box the programs hand their records to the boot as JSON, which keeps them
in the ring on the volume and renders what goes to standard output.
"""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from app.kit.clock import rfc3339
from app.kit.codec import encode_text
from app.kit.redaction import redacted, redacted_value
from app.kit.settings import LogSettings

Record = dict[str, Any]

_COLORS = {
    "DEBUG": "\x1b[2m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[31;1m",
}
_RESET = "\x1b[0m"
_HEAD: Final = frozenset({"timestamp", "level", "service", "host", "message"})
LONGEST_TEXT: Final = 32_000  # a field; what is longer belongs into a file, and a line must stay one


@cache
def host_address() -> str:
    """This machine's address as others on its network see it; loopback when it has none."""
    try:
        # Connecting a datagram socket sends nothing; it only asks the kernel for the route.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("198.51.100.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"


class Voice:
    """Renders lines of one service in the format of the settings."""

    def __init__(self, service: str, settings: LogSettings) -> None:
        self.service = service
        self.json = settings.format == "json"
        self.colors = settings.colors and not self.json
        self.prefix = settings.prefix

    def line(self, level: str, message: str, fields: Mapping[str, Any] | None = None) -> str:
        """One line without its newline."""
        return self.render(self.record(level, message, fields))

    def record(self, level: str, message: str, fields: Mapping[str, Any] | None = None) -> Record:
        """What happened now, without what is secret."""
        about = {key: redacted_value(key, _plain(value)) for key, value in (fields or {}).items()}
        return {
            "timestamp": rfc3339(datetime.now(UTC)),
            "level": "WARNING" if level in ("WARN", "warn") else level.upper(),
            "service": self.service,
            "host": host_address(),
            "message": _shortened(redacted(message)),
            **{key: _shortened(value) if isinstance(value, str) else value for key, value in about.items()},
        }

    def render(self, record: Record) -> str:
        """A record as it is shown; line breaks inside are folded so that it stays one line."""
        if self.json:
            return encode_text(record)
        service, level = record.get("service", self.service), str(record.get("level", "INFO"))
        prefix = self.prefix or f"{service} ({record.get('host', host_address())})"
        shown = f"{_COLORS.get(level, '')}{level}{_RESET}" if self.colors else level
        tail = "".join(
            f" {key}={_short(value)}"
            for key, value in record.items()
            if key not in _HEAD and key != "action" and value is not None
        )
        clock = _clock(str(record.get("timestamp", "")))
        return f"{prefix} | {clock} | {shown} | {record.get('message', '')}{tail}".replace("\n", " ⏎ ")


def emit(line: str) -> None:
    """Write one line to standard output in a single call, so that programs' lines do not interleave."""
    data = line.encode("utf-8", "replace") + b"\n"
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            continue
        except BrokenPipeError:
            return


def _clock(timestamp: str) -> str:
    try:
        return datetime.fromisoformat(timestamp).astimezone().strftime("%H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):  # no time, or none that is a time here
        return timestamp


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None | list | dict) else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _short(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
