"""Serves the built UI: precompressed, hashed files cached for good, every page address gives index.html."""

import asyncio
import mimetypes
from http import HTTPStatus
from pathlib import Path

import msgspec

from app.kit.codec import encode
from app.server.asgi import Receive, Scope, Send

ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # best first
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

NOT_BUILT = (
    "The Studio API is running, but its web interface is not built in this checkout.\n"
    "Build it with `npm ci && npm run build` in app/ui (scripts/run does so by itself) and load this again.\n"
)


class Answer(msgspec.Struct, frozen=True):
    """What goes out for one request."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


class UiFiles:
    """ASGI application over the folder that `npm run build` writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        answer = await asyncio.to_thread(self._answer, scope)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    def _answer(self, scope: Scope) -> Answer:
        if scope["method"] != "GET":
            return _problem(405, "This address only answers GET.", (("allow", "GET, HEAD"),))
        file = self._file(scope["path"])
        if file is None:
            if "." in scope["path"].rsplit("/", 1)[-1]:
                return _problem(404, "There is nothing under this address.")
            file = self.folder / "index.html"
            if not file.is_file():
                headers = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
                return Answer(503, NOT_BUILT.encode(), headers)
        request = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return self._file_answer(file, request)

    def _file(self, path: str) -> Path | None:
        """The file an address names; nothing outside the folder, no folder, no compressed twin."""
        try:
            file = (self.folder / path.lstrip("/")).resolve()
            is_ours = file.is_relative_to(self.folder) and file.is_file()
        except (ValueError, OSError):
            return None
        return file if is_ours and file.suffix not in (".br", ".gz") else None

    def _file_answer(self, file: Path, request: dict[str, str]) -> Answer:
        chosen, coding = _variant(file, request.get("accept-encoding", ""))
        facts = chosen.stat()
        tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
        is_hashed = file.parent.name == "assets"
        headers = [
            ("cache-control", FOR_GOOD if is_hashed else ASK_AGAIN),
            ("etag", tag),
            ("vary", "accept-encoding"),
        ]
        if tag in [one.strip().removeprefix("W/") for one in request.get("if-none-match", "").split(",")]:
            return Answer(304, b"", tuple(headers))
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        charset = (
            "; charset=utf-8" if mime.startswith("text/") or mime.endswith(("javascript", "json")) else ""
        )
        headers.append(("content-type", mime + charset))
        if coding:
            headers.append(("content-encoding", coding))
        return Answer(200, chosen.read_bytes(), tuple(headers))


def _variant(file: Path, accepted: str) -> tuple[Path, str | None]:
    """The smallest twin of a file that the browser takes."""
    offers = {}
    for part in accepted.split(","):
        name, _, parameter = part.strip().partition(";")
        offers[name.strip().lower()] = parameter.replace(" ", "")
    for coding, suffix in ENCODINGS:
        if offers.get(coding, "q=0") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            twin = file.with_name(file.name + suffix)
            if twin.is_file():
                return twin, coding
    return file, None


def _problem(status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    phrase = HTTPStatus(status).phrase
    body = encode(
        {
            "type": f"urn:studio:problem:{phrase.lower().replace(' ', '-')}",
            "title": phrase.capitalize(),
            "status": status,
            "detail": detail,
        }
    )
    return Answer(status, body, (("content-type", "application/problem+json"), *headers))
