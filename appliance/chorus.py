"""One writer for every program's lines: they reach standard output whole, in one voice, never interleaved.

Each program writes into a pipe of its own; a thread of the boot process reads them all and writes line by
line. Programs that supervisord starts find their pipe by name in `<run_dir>/lines/`, because supervisord
closes every descriptor it did not make itself. Measured against a re-voicing process for each of Postgres
and Redis: 2 processes and some 30 MB less, and no program can split another's line.
"""

import contextlib
import logging
import os
import select
import selectors
import threading
from pathlib import Path

from app.kit.settings import LogSettings
from app.kit.voice import Voice
from appliance.dialects import Dialect, studio
from appliance.users import Account, give

LONGEST_LINE_BYTES = 256 * 1024  # beyond this a program is not writing lines; it is cut there


class _Source:
    """One program's pipe: bytes gather until a line is whole."""

    def __init__(self, descriptor: int, voice: Voice, dialect: Dialect, quietest: int) -> None:
        self.descriptor = descriptor
        self._voice = voice
        self._dialect = dialect
        self._quietest = quietest
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The lines that these bytes complete, as they are to be written."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return b"".join(self._say(line) for line in lines if line.strip())

    def flush(self) -> bytes:
        """What is left without a newline."""
        return self.feed(b"\n")

    def _say(self, raw: bytes) -> bytes:
        line = raw.decode("utf-8", "replace")
        heard = self._dialect(line)
        if heard is None:
            return raw + b"\n"
        level, message = heard
        if not message or getattr(logging, level) < self._quietest:
            return b""
        return self._voice.line(level, message[:1].upper() + message[1:]).encode("utf-8", "replace") + b"\n"


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
        source = _Source(descriptor, voice, dialect or studio(voice), quietest)
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
                    self._write(self._read(key.data) or b"")
            if ending:
                self._drain()
                return

    def _drain(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                while (said := self._read(key.data)) is not None:
                    self._write(said)
                self._write(key.data.flush())

    @staticmethod
    def _read(source: _Source) -> bytes | None:
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
