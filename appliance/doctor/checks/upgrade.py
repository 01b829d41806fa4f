"""This version has worked on this volume."""

from appliance import passport
from appliance.doctor.finding import Finding, Patient, absent, ill, watch, well
from appliance.refusal import Refusal


def look(patient: Patient) -> Finding:
    """What the volume keeps of the versions it has seen."""
    try:
        box = passport.read(patient.settings)
    except Refusal as exc:
        return ill(exc.sentence, "See `studio upgrade status` with the version it names.")
    if box is None or not box.seen:
        return absent("No version has been tried on this volume yet.")
    seen = box.seen[0]
    if seen.is_undone:
        return watch(
            f"Studio {seen.version} was tried and brought back.", "See why with `studio upgrade status`."
        )
    if seen.failure is not None:
        return ill(seen.failure, "Go back with `studio upgrade back`, or start it again: it is tried anew.")
    if seen.healthy_at is None:
        return watch(
            f"Studio {seen.version} has not been tried out whole on this volume.",
            "Start the box again, outside of a maintenance: it signs in and runs a step on each lane.",
        )
    return well(f"Studio {seen.version} has been healthy here since {seen.healthy_at:%Y-%m-%d %H:%M} UTC.")
