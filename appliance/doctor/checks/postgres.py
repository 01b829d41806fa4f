"""Postgres answers."""

from app.kit.settings import Settings
from appliance.backup.dump import NoTools, tools_for
from appliance.backup.entry import elsewhere
from appliance.doctor.finding import Finding, Patient, absent, ill, unknown, watch, well
from appliance.external import reason_in
from appliance.postgres import Cluster


def look(patient: Patient) -> Finding:
    """The embedded one on its socket; an external one at its address."""
    settings = patient.settings
    if not settings.database.embedded:
        return _external(settings)
    if "postgres" not in settings.roles:
        return absent("Postgres runs elsewhere.")
    if not patient.is_up:
        return unknown("The box does not run.", "Start it, then ask again.")
    if Cluster(settings).ready():
        return well("The embedded one takes connections.")
    return ill("The embedded one does not answer.", "See what `studio logs --program postgres` says last.")


def _external(settings: Settings) -> Finding:
    import psycopg  # late: only this shape needs it, and it costs a fifth of a second

    try:
        with elsewhere(settings).connect() as connection:
            major = connection.info.server_version // 10_000
    except psycopg.Error as exc:
        return ill(
            f"The database in DATABASE_URL does not answer: {reason_in(str(exc))}.",
            "See DATABASE_URL, and whether it runs.",
        )
    try:
        tools_for(major, f"It is Postgres {major}, and no older pg_dump backs it up")
    except NoTools as exc:
        what, _, remedy = exc.sentence.partition(". ")
        return watch(f"The database in DATABASE_URL answers. {what}.", remedy, major=major)
    return well(f"The database in DATABASE_URL answers; it is Postgres {major}.", major=major)
