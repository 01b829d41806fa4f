"""Postgres answers."""

import socket
from urllib.parse import urlsplit

from appliance.doctor.finding import Finding, Patient, absent, ill, unknown, well
from appliance.postgres import Cluster


def look(patient: Patient) -> Finding:
    """The embedded one on its socket; an external one at its address."""
    settings = patient.settings
    if not settings.database.embedded:
        return _external(settings.database.app_url)
    if "postgres" not in settings.roles:
        return absent("Postgres runs elsewhere.")
    if not patient.is_up:
        return unknown("The box does not run.", "Start it, then ask again.")
    if Cluster(settings).ready():
        return well("The embedded one takes connections.")
    return ill("The embedded one does not answer.", "See what `studio logs --program postgres` says last.")


def _external(url: str) -> Finding:
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or 5432)
    try:
        socket.create_connection(place, timeout=5).close()
    except OSError as exc:
        return ill(
            f"{place[0]}:{place[1]} cannot be reached: {exc}.", "See DATABASE_URL, and whether it runs."
        )
    return well(f"{place[0]}:{place[1]} can be reached.")
