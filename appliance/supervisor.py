"""Talking to supervisord over its Unix socket."""

import contextlib
import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

import msgspec

FAULT_ALREADY_STARTED = 60
SUPERVISOR_FAULT_NOT_RUNNING = 70


class ProgramState(msgspec.Struct, frozen=True):
    """One program as supervisord sees it."""

    name: str
    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL
    pid: int
    up_s: int
    detail: str


class Supervisor:
    """The few calls Studio makes. Each raises OSError when supervisord is not there."""

    def __init__(self, socket_path: Path, timeout_s: float = 5.0) -> None:
        # The host is a form: the transport connects to the socket.
        self._proxy = xmlrpc.client.ServerProxy(
            "http://supervisor", transport=_SocketTransport(str(socket_path), timeout_s)
        )

    def answers(self) -> bool:
        """Whether it takes calls yet; the process being there says nothing about that."""
        try:
            self._call("supervisor.getState")
        except (OSError, xmlrpc.client.Fault):
            return False
        return True

    def start(self, full_name: str) -> None:
        """Start a program and return at once."""
        try:
            self._call("supervisor.startProcess", full_name, False)
        except xmlrpc.client.Fault as exc:
            if exc.faultCode != FAULT_ALREADY_STARTED:
                raise OSError(f"supervisord does not start {full_name}: {exc.faultString}") from exc

    def stop(self, full_name: str) -> None:
        """Stop a program and wait until it is gone; one that does not run is left so."""
        try:
            self._call("supervisor.stopProcess", full_name, True)
        except xmlrpc.client.Fault as exc:
            if exc.faultCode != SUPERVISOR_FAULT_NOT_RUNNING:
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
        with contextlib.suppress(xmlrpc.client.Fault):  # it is at it already
            self._call("supervisor.shutdown")

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._proxy, method)(*arguments)
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
