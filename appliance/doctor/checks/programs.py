"""Every program of the box runs."""

from appliance.doctor.finding import Finding, Patient, ill, unknown, watch, well
from appliance.status import gather

YOUNG = ("STARTING", "BACKOFF")


def look(patient: Patient) -> Finding:
    """What supervisord says of those that the settings want."""
    if not patient.is_up:
        return unknown("The box does not run.", "Start it: `studio boot`, or the container.")
    wanted = [line for line in gather(patient.settings).programs if line.state != "off"]
    if not wanted or any(line.state == "unknown" for line in wanted):
        return unknown("supervisord does not answer this user.", "Ask as the user who started the box.")
    down = [f"{line.name} ({line.state.lower()})" for line in wanted if line.state not in ("RUNNING", *YOUNG)]
    if down:
        return ill(f"Not running: {', '.join(down)}.", "See what `studio logs --program NAME` says last.")
    young = [line.name for line in wanted if line.state in YOUNG]
    if young:
        return watch(f"Starting just now: {', '.join(young)}.", "Ask again in ten seconds.")
    return well(f"All {len(wanted)} run.")
