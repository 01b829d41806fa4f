"""The box over HTTP, as any program speaks to it: sign in, ask, upload, download."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import msgspec

from app.admin.running.faults import Ended, Unreachable
from app.kit.errors import Complaint
from app.kit.ids import new_id

PATIENCE_S: Final = 2.0  # with a box that does not answer at all
PATIENCE_WHILE_WATCHING_S: Final = 120.0  # with one that is being restarted, for it keeps the instance
PAUSE_S: Final = 0.5
TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)


class SignIn(Protocol):
    """Whom the calls speak for."""

    def token(self, http: httpx.Client) -> str:
        """An access token; a fresh one each time this is asked."""

    def leave(self, http: httpx.Client) -> None:
        """Give back what was opened for this command alone."""


class Refusal(Ended):
    """The box answered with a problem."""

    def __init__(
        self, status: int, detail: str, remedy: str | None, complaints: tuple[Complaint, ...]
    ) -> None:
        self.status = status
        self.complaints = complaints
        places = [(".".join(filter(None, (one.node, one.field))), one.message) for one in complaints]
        listed = [f"  {place}: {message}" if place else f"  {message}" for place, message in places]
        super().__init__(detail if remedy is None else f"{detail} {remedy}", *listed)


class _Problem(msgspec.Struct):
    detail: str = ""
    remedy: str | None = None
    complaints: tuple[Complaint, ...] = ()


class Api:
    """One box and one sign-in. Calls that cannot be sent are tried again; all of them are safe to repeat."""

    def __init__(self, url: str, sign_in: SignIn, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.patience_s = PATIENCE_S
        self._http = httpx.Client(
            base_url=url, timeout=TIMEOUT, headers={"user-agent": "studio run"}, transport=transport
        )
        self._sign_in = sign_in

    def enter(self) -> None:
        """Sign in. Raises Unreachable, Refusal."""
        token = self._patiently(lambda: self._sign_in.token(self._http))
        self._http.headers["authorization"] = f"Bearer {token}"

    def leave(self) -> None:
        """Sign out where this command signed in."""
        try:
            self._sign_in.leave(self._http)
        finally:
            self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of an answer. Raises Unreachable, Refusal."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> Any:
        """The same for what changes something; a repeat of it happens once."""
        return self._call("POST", path, json=body, headers={"idempotency-key": str(new_id())})

    def put(self, path: str, body: Any) -> Any:
        """The same for what replaces something."""
        return self._call("PUT", path, json=body)

    def upload(self, path: Path) -> str:
        """The id of the asset that a file of this machine became."""
        key = {"idempotency-key": str(new_id())}

        def send() -> httpx.Response:
            with path.open("rb") as file:
                return self._http.post("/api/v1/assets", files={"file": (path.name, file)}, headers=key)

        return str(self._judged(send)["id"])

    def download(self, asset_id: str, target: Path) -> None:
        """Write an asset's bytes to a file of this machine."""
        address = f"/api/v1/assets/{asset_id}/content"
        with self._http.stream("GET", address, params={"download": "true"}) as answer:
            if answer.is_error:
                answer.read()
                raise _refusal(answer)
            with target.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)

    @contextmanager
    def lines(self, path: str, silence_s: float, **query: str | int) -> Iterator[Iterator[str]]:
        """The lines of an answer that goes on. Raises httpx.TransportError after a silence, and Refusal."""
        timeout = httpx.Timeout(silence_s, connect=5.0)
        with self._http.stream("GET", path, params=query, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
                raise _refusal(answer)
            yield answer.iter_lines()

    def _call(self, method: str, path: str, **more: Any) -> Any:
        return self._judged(lambda: self._http.request(method, path, **more))

    def _judged(self, send: Callable[[], Any]) -> Any:
        answer = self._patiently(send)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.enter()  # an access token lives for minutes, a run perhaps for hours
            answer = self._patiently(send)
        if answer.is_error:
            raise _refusal(answer)
        return answer.json() if answer.content else None

    def _patiently(self, send: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return send()
            except httpx.TransportError as exc:
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"Nothing answers at {self.url} ({type(exc).__name__}). Start the box, or name "
                        "another one with --url."
                    ) from None
                time.sleep(PAUSE_S)


def _refusal(answer: httpx.Response) -> Refusal:
    status = answer.status_code
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = _Problem()
    detail = problem.detail or f"{answer.request.url} answered with status {status}; is this a Studio?"
    return Refusal(status, detail, problem.remedy, problem.complaints)
