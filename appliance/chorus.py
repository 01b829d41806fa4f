"""One writer for every program's lines: they reach standard output whole, in one voice, never interleaved.

Each program writes into a pipe of its own; a thread of the boot process reads them all and writes line by
line. Programs that supervisord starts find their pipe by name in `<run_dir>/lines/`, because supervisord
closes every descriptor it did not make itself. Programs of ours write records as JSON; here they are kept in
the ring on the volume and shown as the settings say. Measured against a re-voicing process for each of
Postgres and Redis: 2 processes and some 30 MB less, and no program can split another's line.
"""

import contextlib
import logging
import os
import select
import selectors
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.kit.codec import encode_text
from app.kit.redaction import redacted
from app.kit.ring import Ring
from app.kit.settings import LogSettings
from app.kit.voice import Voice
from appliance.dialects import Dialect, studio
from appliance.shelf import Shelf
from appliance.users import Account, give

EARLY_LINES = 2000
_decoder = msgspec.json.Decoder(dict[str, Any])
LONGEST_LINE_BYTES = 256 * 1024  # beyond this a program is not writing lines; it is cut there


class _Source:
    """One program's pipe: bytes gather until a line is whole."""

    def __init__(self, descriptor: int, voice: Voice, dialect: Dialect, quietest: int) -> None:
        self.descriptor = descriptor
        self._voice = voice
        self._dialect = dialect
        self._quietest = quietest
        self._rest = b""

    def feed(self, data: bytes) -> list["_Line"]:
        """The lines that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [said for line in lines if line.strip() and (said := self._say(line)) is not None]

    def flush(self) -> list["_Line"]:
        """What is left without a newline."""
        return self.feed(b"\n")

    def _say(self, raw: bytes) -> "_Line | None":
        line = redacted(raw.decode("utf-8", "replace"))
        try:
            return self._heard(line)
        except Exception:  # noqa: BLE001  whatever one program says, the others are still heard
            return self._shown("WARNING", line)

    def _heard(self, line: str) -> "_Line | None":
        heard = self._dialect(line)
        if heard is None:
            try:
                record = _decoder.decode(line)
            except msgspec.DecodeError:
                heard = ("WARNING", line)
            else:
                if record.get("service") != self._voice.service:  # nobody speaks in another's name
                    record["service"] = self._voice.service
                    line = encode_text(record)
                return _Line(line, line if self._voice.json else self._voice.render(record))
        level, message = heard
        if not message or getattr(logging, level) < self._quietest:
            return None
        return self._shown(level, message[:1].upper() + message[1:])

    def _shown(self, level: str, message: str) -> "_Line":
        record = self._voice.record(level, message)
        return _Line(encode_text(record), self._voice.render(record))


class _Line(NamedTuple):
    """One line, as it is kept and as it is shown."""

    kept: str
    shown: str


class Chorus:
    """Takes over this process's standard output, and everybody else's who is given a pipe."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._selector = selectors.DefaultSelector()
        self._output = os.dup(1)
        self._bell, self._bell_rope = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="chorus", daemon=True)
        self._ending = False
        self._keeping = threading.Lock()
        self._kept_by: Shelf | None = None
        # What is said before the volume is there to keep it.
        self._early: deque[str] | None = deque(maxlen=EARLY_LINES)

    def keep(self, ring: Ring | None) -> None:
        """From here on lines are kept there, those that were said already too; None: nowhere."""
        with self._keeping:
            early, self._early = self._early, None
            if ring is not None:
                self._kept_by = Shelf(ring)
                self._kept_by.write(_lines(early or ()))

    def start(self, service: str) -> None:
        """Begin; from here on descriptors 1 and 2 of this process speak as `service`."""
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        self._add(read_end, service, None)
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)
        self._thread.start()

    def named_pipe(self, path: Path, service: str, owner: Account, dialect: Dialect | None = None) -> None:
        """A pipe that a program of `owner` opens by its path."""
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        give(path, owner, 0o600)
        # Open for both: so that opening never blocks, and the end of one writer is not the end of the pipe.
        self._add(os.open(path, os.O_RDWR | os.O_CLOEXEC), service, dialect)

    def close(self) -> None:
        """Write what is still in the pipes, end the thread, and give standard output back."""
        self._ending = True
        self._ring()
        self._thread.join()
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)
        os.close(self._output)

    def _add(self, descriptor: int, service: str, dialect: Dialect | None) -> None:
        os.set_blocking(descriptor, False)
        voice = Voice(service, self._settings)
        quietest = getattr(logging, self._settings.level)
        source = _Source(descriptor, voice, dialect or studio, quietest)
        self._selector.register(descriptor, selectors.EVENT_READ, source)
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell_rope, b"!")

    def _run(self) -> None:
        while True:
            ending = self._ending  # read before the pipes: what was written before close() is still said
            for key, _ in self._selector.select(0 if ending else None):
                if key.data is None:
                    os.read(self._bell, 4096)
                else:
                    self._say(self._read(key.data) or [])
            if ending:
                self._drain()
                return

    def _drain(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                while (said := self._read(key.data)) is not None:
                    self._say(said)
                self._say(key.data.flush())
        if self._kept_by is not None:
            self._kept_by.close()

    def _say(self, lines: list[_Line]) -> None:
        if not lines:
            return
        self._write(_lines(line.shown for line in lines))
        kept = [line.kept for line in lines]
        with self._keeping:
            if self._kept_by is not None:
                self._kept_by.write(_lines(kept))
            elif self._early is not None:
                self._early.extend(kept)

    @staticmethod
    def _read(source: _Source) -> list[_Line] | None:
        try:
            data = os.read(source.descriptor, 65536)
        except BlockingIOError:
            return None
        return source.feed(data) if data else None

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._output, data) :]
            except BlockingIOError:  # a terminal that somebody else made non-blocking
                select.select([], [self._output], [])
            except OSError:
                return  # nobody listens any more; the box goes on without


def _lines(texts: Iterable[str]) -> bytes:
    return b"".join(text.encode("utf-8", "replace") + b"\n" for text in texts)
