"""The volume can do what a database and private keys need."""

from app.kit.volume import VOLUME_FILE, Volume, read
from appliance.doctor.finding import Finding, Patient, unknown, watch, well


def look(patient: Patient) -> Finding:
    """What the last boot tried on it."""
    found = read(patient.settings.run_dir / VOLUME_FILE, Volume)
    if found is None:
        return unknown("No boot has tried it here.", "Start the box, then ask again.")
    missing = found.probe.missing()
    if missing:
        return watch(
            f"Storage is {found.mode}: {found.promise} It has no {', '.join(missing)}.",
            "Fine where this is meant; a local disk can do all of it.",
        )
    return well(f"Storage is {found.mode}: {found.promise}")
