"""Talking to supervisord over its Unix socket."""

import contextlib
import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

import msgspec

FAULT_ALREADY_STARTED = 60
FAULT_NOT_RUNNING = 70


class ProgramState(msgspec.Struct, frozen=True):
    """One program as supervisord sees it."""

    name: str
    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL
    pid: int
    up_s: int
    detail: str


class CallRefused(OSError):
    """supervisord answered, and the answer was no: while it stops, it says so to almost everything."""

    def __init__(self, method: str, fault: xmlrpc.client.Fault) -> None:
        self.code = fault.faultCode
        super().__init__(f"{method} was refused by supervisord: {fault.faultString}")


class Supervisor:
    """The few calls Studio makes. Each raises OSError when supervisord is not there or refuses."""

    def __init__(self, socket_path: Path, timeout_s: float = 5.0) -> None:
        # The host is a form: the transport connects to the socket.
        self._proxy = xmlrpc.client.ServerProxy(
            "http://supervisor", transport=_SocketTransport(str(socket_path), timeout_s)
        )

    def answers(self) -> bool:
        """Whether it takes calls yet; the process being there says nothing about that."""
        try:
            self._call("supervisor.getState")
        except OSError:
            return False
        return True

    def start(self, full_name: str) -> None:
        """Start a program and return at once."""
        try:
            self._call("supervisor.startProcess", full_name, False)
        except CallRefused as exc:
            if exc.code != FAULT_ALREADY_STARTED:
                raise

    def stop(self, full_name: str) -> None:
        """Stop a program and wait until it is gone; one that does not run is left so."""
        try:
            self._call("supervisor.stopProcess", full_name, True)
        except CallRefused as exc:
            if exc.code != FAULT_NOT_RUNNING:
                raise

    def states(self) -> list[ProgramState]:
        """Every program of supervisord.conf, wanted or not."""
        return [
            ProgramState(
                name=entry["name"],
                state=entry["statename"],
                pid=entry["pid"],
                up_s=max(0, entry["now"] - entry["start"]) if entry["pid"] else 0,
                detail=entry["description"],
            )
            for entry in self._call("supervisor.getAllProcessInfo")
        ]

    def shutdown(self) -> None:
        """Stop everything in order and end. Unlike a signal, a call wakes supervisord at once."""
        with contextlib.suppress(CallRefused):  # it is at it already
            self._call("supervisor.shutdown")

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._proxy, method)(*arguments)
        except xmlrpc.client.Fault as exc:
            raise CallRefused(method, exc) from exc
        except (http.client.HTTPException, xmlrpc.client.ProtocolError) as exc:
            raise OSError(f"supervisord gave no usable answer: {exc}") from exc


class _SocketTransport(xmlrpc.client.Transport):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._timeout_s = timeout_s

    def make_connection(self, _host: object) -> http.client.HTTPConnection:
        # A connection a call: one that is kept open would go stale while supervisord restarts.
        return _SocketConnection(self._path, self._timeout_s)


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("supervisor", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
