"""The one file of a multipart upload, as a stream: nothing of it is ever held whole.

python-multipart is a push parser; this turns it round into something to iterate over.
"""

from collections.abc import AsyncIterator
from email.message import Message
from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.kit.errors import Invalid, Malformed, StudioError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 1_000
MAX_HEADER_BYTES = 16 * 1024


class NotMultipart(StudioError):
    """Send the file as multipart/form-data in a field named “file”."""

    status = 415


class UploadBroken(Malformed):
    """The upload is not well-formed multipart/form-data, or it broke off."""


class NoFile(Invalid):
    """There is no file in this upload; send one in a field named “file”."""


class OneFileOnly(Invalid):
    """Send one file per call."""


class FilePart:
    """Reads a request body up to its file part, gives the file's name and then its bytes."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise NotMultipart
        self.name = ""
        self.field = ""  # what the form calls the file
        self.fields: dict[str, str] = {}  # the form's other fields, as far as they have been read
        self._body = body
        self._ready: list[bytes] = []  # bytes of the file that the parser has handed over
        self._in_file = False
        self._in_field: str | None = None
        self._value = bytearray()
        self._seen_file = False
        self._ended = False
        self._field_bytes = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as exc:  # a boundary longer than the parser takes
            raise UploadBroken from exc

    async def open(self) -> None:
        """Read until the file begins; `name` is known then. Raises UploadBroken, NoFile."""
        while not self._seen_file:
            if not await self._read_more():
                raise NoFile

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes as they arrive. Raises UploadBroken, OneFileOnly."""
        while True:
            ready, self._ready = self._ready, []
            for piece in ready:
                yield piece
            if not ready and not await self._read_more():
                if not self._ended:
                    raise UploadBroken
                return

    async def _read_more(self) -> bool:
        """Feed the parser one piece of the body; False at its end."""
        async for piece in self._body:
            if piece:
                try:
                    self._parser.write(piece)
                except FormParserError as exc:
                    raise UploadBroken from exc
                return True
        return False

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._header_part(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._header_part(1, data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_finished,
            "on_part_data": lambda data, start, end: self._part_data(data[start:end]),
            "on_part_end": self._part_ends,
            "on_end": self._all_ends,
        }

    def _part_begins(self) -> None:
        self._disposition = b""
        self._in_file = False

    def _header_part(self, which: int, data: bytes) -> None:
        self._header[which].extend(data)
        if len(self._header[which]) > MAX_HEADER_BYTES:
            raise UploadBroken

    def _header_ends(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        name = file_name(self._disposition)
        if name is None:
            self._in_field = field_name(self._disposition)
            return
        if self._seen_file:
            raise OneFileOnly
        self._in_file = self._seen_file = True
        self.name, self.field = name, field_name(self._disposition)

    def _part_data(self, data: bytes) -> None:
        if self._in_file:
            self._ready.append(data)
            return
        self._field_bytes += len(data)
        if self._field_bytes > MAX_FIELD_BYTES:
            raise UploadBroken("The fields beside the file are too long.")
        self._value += data

    def _part_ends(self) -> None:
        if self._in_field and len(self.fields) < MAX_FIELDS:
            self.fields[self._in_field] = self._value.decode("utf-8", "replace")
        self._in_file, self._in_field = False, None
        self._value.clear()

    def _all_ends(self) -> None:
        self._ended = True


def file_name(disposition: bytes) -> str | None:
    """The file name of a Content-Disposition header, None when the part is no file."""
    name: Any = _message(disposition).get_filename()
    return None if name is None else clean_name(str(name))


def field_name(disposition: bytes) -> str:
    """What a form calls this part; empty when it does not say."""
    name: Any = _message(disposition).get_param("name", header="content-disposition")
    return str(name or "")[:200]


def _message(disposition: bytes) -> Message:
    message = Message()
    message["content-disposition"] = (
        disposition.decode("utf-8", "replace").replace("\r", "").replace("\n", "")
    )
    return message


def clean_name(name: str) -> str:
    """A name fit to show and to download under: no folders, no control letters, at most 255 bytes."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    if not shown:
        return "file"
    stem, dot, ending = shown.rpartition(".")
    if not dot or len(ending) > 16:
        stem, dot, ending = shown, "", ""
    room = 255 - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + ending
