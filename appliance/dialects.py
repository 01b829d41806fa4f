"""Reading other programs' log lines, so that they can be said again in the house's voice.

A dialect takes one line and gives (level, message), with an empty message for what is to be dropped, or None
when the line is a record of the house already.
"""

import re
from collections.abc import Callable

Dialect = Callable[[str], tuple[str, str] | None]

_POSTGRES = re.compile(r"([A-Z]+\d?):  (.*)")
_POSTGRES_LEVELS = {
    "LOG": "INFO",
    "INFO": "INFO",
    "NOTICE": "INFO",
    "WARNING": "WARNING",
    "ERROR": "WARNING",  # one statement failed; the program that sent it says what that means
    "FATAL": "ERROR",
    "PANIC": "CRITICAL",
}
# Said to whoever knocks too early or too late; the boot knocks until Postgres opens.
_POSTGRES_DOORMAN = ("the database system is starting up", "the database system is shutting down")

_REDIS = re.compile(r"\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.\-*#]) (.*)")
_REDIS_LEVELS = {".": "DEBUG", "-": "DEBUG", "*": "INFO", "#": "WARNING"}
# Advice about the host's kernel, which nobody can follow from inside a container; our Redis stays small.
_REDIS_ADVICE = "Memory overcommit must be enabled"
_REDIS_TROUBLE = re.compile("WARN|[Ee]rr|[Ff]ail|[Cc]rash|[Cc]an't|[Bb]ad ")

_TUNNEL = re.compile(r"\S+Z (DBG|INF|WRN|ERR|FTL) (.*)")
_TUNNEL_LEVELS = {"DBG": "DEBUG", "INF": "INFO", "WRN": "WARNING", "ERR": "ERROR", "FTL": "CRITICAL"}

_WATCHDOG = re.compile(r"(INFO|WARNING|ERROR) (.*)")


def postgres() -> Dialect:
    """Postgres with an empty log_line_prefix: `LOG:  text`, then `DETAIL:  text` and tabbed continuations."""
    level = "INFO"

    def read(line: str) -> tuple[str, str]:
        nonlocal level
        found = _POSTGRES.fullmatch(line)
        if found is None:
            return level, line.strip()
        word, message = found.groups()
        if word in _POSTGRES_LEVELS or word.startswith("DEBUG"):
            level = "DEBUG" if message in _POSTGRES_DOORMAN else _POSTGRES_LEVELS.get(word, "DEBUG")
            return level, message
        return level, f"{word.capitalize()}: {message}"

    return read


def redis(line: str) -> tuple[str, str]:
    """`123:M 01 Jan 2026 12:00:00.000 * text`; its small talk at start and end is worth DEBUG."""
    found = _REDIS.fullmatch(line)
    if found is None:
        return "DEBUG", line.strip()
    mark, message = found.groups()
    # `#` marks its warnings, but also “Redis is starting” and an orderly goodbye.
    if _REDIS_ADVICE in message or (mark == "#" and not _REDIS_TROUBLE.search(message)):
        return "DEBUG", message
    return _REDIS_LEVELS[mark], message


def tunnel(line: str) -> tuple[str, str]:
    """cloudflared: `2026-01-01T12:00:00Z INF text key=value`"""
    found = _TUNNEL.fullmatch(line)
    return (_TUNNEL_LEVELS[found.group(1)], found.group(2)) if found else ("INFO", line.strip())


def receiver(line: str) -> tuple[str, str]:
    """pg_receivewal: `pg_receivewal: error: text`; that it ended with its connection is no news."""
    text = line.strip().removeprefix("pg_receivewal: ")
    level = "WARNING" if text.startswith("error: ") else "DEBUG"
    return level, text.removeprefix("error: ")


def watchdog(line: str) -> tuple[str, str]:
    """Our own event listener, which imports nothing: `LEVEL text`"""
    found = _WATCHDOG.fullmatch(line)
    return (found.group(1), found.group(2)) if found else ("ERROR", line.strip())


def studio(line: str) -> tuple[str, str] | None:
    """A program of ours hands its records over; what something in it printed past the log is a warning."""
    return None if line.startswith('{"timestamp"') else ("WARNING", line.rstrip())
