"""Names are resolved."""

import socket
from urllib.parse import urlsplit

from appliance.doctor.finding import Finding, Patient, watch, well

SOMEBODY = "one.one.one.one"  # nothing is sent there; it only has to have an address


def look(patient: Patient) -> Finding:
    """The names this box was given; without any, one that everybody can resolve."""
    settings = patient.settings
    urls = [*settings.public_urls, settings.api_url, settings.database.app_url, settings.redis.url]
    names = {found for url in urls if (found := urlsplit(url).hostname)} - {"localhost", "127.0.0.1", "::1"}
    lost = [name for name in sorted(names) or [SOMEBODY] if not _resolves(name)]
    if not lost:
        return well(f"{', '.join(sorted(names)) or 'Names'} can be resolved.")
    if not names:
        return watch(
            "Names of the internet are not resolved here.",
            "Steps that call addresses will fail; nothing else of the box needs them.",
        )
    return watch(f"{', '.join(lost)} cannot be resolved.", "See /etc/resolv.conf, or correct the setting.")


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False
