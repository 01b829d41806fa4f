"""Places of a network as people write them: `10.0.0.0/8`, `fd00::1`, `nas.example.org`, `*.example.org`."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")


def read_place(word: str) -> Network | str:
    """A range of addresses, or a host in lower case; `*.` in front means every host below.

    Raises ValueError for what is neither.
    """
    word = word.strip().lower()
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        if is_host(word.removeprefix("*.")):
            return word
        raise


def is_host(word: str) -> bool:
    """Whether this may be the name of a host. One that ends in a number would be a mistyped address."""
    return bool(_HOST.fullmatch(word)) and not word.rpartition(".")[2].isdigit()


def is_origin(word: str) -> bool:
    """Whether this is what a browser sends as Origin: scheme, host and perhaps a port, nothing behind."""
    parts = urlsplit(word.lower())
    try:
        host, _ = parts.hostname or "", parts.port
        is_named = is_host(host) or bool(ipaddress.ip_address(host))
    except ValueError:
        return False
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in {"http", "https"} and is_named and is_bare
