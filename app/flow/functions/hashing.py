"""Checksums, and texts written for other programs: base64, hex, addresses."""

import base64
import binascii
import hashlib
from urllib.parse import quote, unquote

from app.flow.library import Example, function
from app.flow.meter import Refused


@function(
    "SHA-256",
    Example("sha256('Sea')", "76b3af333dbac074dc755fbde33b8bc05a3306fa3d169762466437fd97740c87"),
)
def sha256(text: str) -> str:
    """The SHA-256 checksum of the text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@function("MD5", Example("md5('Sea')", "d2379e01a93b56ed8fdc81907f7bf8c0"))
def md5(text: str) -> str:
    """The MD5 checksum of the text in UTF-8, as 32 hexadecimal digits. Old programs ask for it; it protects
    nothing."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@function(
    "Base64", Example("'Sea 1'.base64_encode()", "U2VhIDE="), makes=lambda text: 4 * len(text.encode()) // 3
)
def base64_encode(text: str) -> str:
    """The UTF-8 bytes of the text in base64."""
    return base64.b64encode(text.encode()).decode()


@function(
    "From base64",
    Example("'U2VhIDE='.base64_decode()", "Sea 1"),
    Example("'U2VhIDE'.base64_decode()", "Sea 1"),
)
def base64_decode(text: str) -> str:
    """The text whose bytes are written here in base64, with or without padding, also in its URL form."""
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _decoded(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True), "base64")
    except binascii.Error:
        raise Refused("base64_decode() was given a text that is no base64.") from None


@function("Hexadecimal", Example("'Sea'.hex_encode()", "536561"), makes=lambda text: 2 * len(text.encode()))
def hex_encode(text: str) -> str:
    """The UTF-8 bytes of the text as hexadecimal digits."""
    return text.encode().hex()


@function("From hexadecimal", Example("'536561'.hex_decode()", "Sea"))
def hex_decode(text: str) -> str:
    """The text whose bytes are written here as hexadecimal digits."""
    try:
        return _decoded(bytes.fromhex(text), "hexadecimal digits")
    except ValueError:
        raise Refused(
            "hex_decode() was given a text that is not made of pairs of hexadecimal digits."
        ) from None


@function(
    "For an address",
    Example("'Our trip & more'.url_encode()", "Our%20trip%20%26%20more"),
    makes=lambda text: 3 * len(text.encode()),
)
def url_encode(text: str) -> str:
    """The text as it may stand in a part of a web address."""
    return quote(text, safe="")


@function("From an address", Example("'Our%20trip'.url_decode()", "Our trip"))
def url_decode(text: str) -> str:
    """The text that stands encoded in a web address; bytes that are no text become �."""
    return _without_nul(unquote(text, errors="replace"))


def _decoded(raw: bytes, what: str) -> str:
    try:
        return _without_nul(raw.decode())
    except UnicodeDecodeError:
        raise Refused(f"These {what} hold bytes that are no text; a step has to handle them.") from None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise Refused("The text holds the character U+0000, which cannot be stored.")
    return text
