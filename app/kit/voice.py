"""How one log line looks, for every program of the box, Postgres and Redis included.

Pretty: `studio-api (172.17.0.2) | 15:33:19.086 | INFO | Instance started`
JSON:   `{"timestamp": "…Z", "level": "INFO", "service": "studio-api", "host": "…", "message": "…", …}`
"""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from app.kit.clock import rfc3339
from app.kit.codec import encode_text
from app.kit.settings import LogSettings

_COLORS = {
    "DEBUG": "\x1b[2m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[31;1m",
}
_RESET = "\x1b[0m"


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
        self.prefix = settings.prefix or f"{service} ({host_address()})"

    def line(self, level: str, message: str, fields: Mapping[str, Any] | None = None) -> str:
        """One line without its newline; line breaks inside the message are folded so that it stays one."""
        moment = datetime.now(UTC)
        level = "WARNING" if level in ("WARN", "warn") else level.upper()
        if self.json:
            record = {
                "timestamp": rfc3339(moment),
                "level": level,
                "service": self.service,
                "host": host_address(),
                "message": message,
                **(fields or {}),
            }
            return encode_text({key: _plain(value) for key, value in record.items()})
        clock = moment.astimezone().strftime("%H:%M:%S.%f")[:-3]
        shown = f"{_COLORS.get(level, '')}{level}{_RESET}" if self.colors else level
        tail = "".join(f" {key}={_short(value)}" for key, value in (fields or {}).items() if key != "action")
        return f"{self.prefix} | {clock} | {shown} | {message}{tail}".replace("\n", " ⏎ ")


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


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None | list | dict) else str(value)


def _short(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
