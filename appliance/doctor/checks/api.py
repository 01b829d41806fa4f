"""The API answers and is ready."""

import httpx

from appliance.doctor.finding import Finding, Patient, absent, ill, unknown, well


def look(patient: Patient) -> Finding:
    """Ask /readyz on loopback, as the container's health check does."""
    settings = patient.settings
    if "api" not in settings.roles:
        return absent("The API runs elsewhere.")
    if not patient.is_up:
        return unknown("The box does not run.", "Start it, then ask again.")
    try:
        answer = httpx.get(f"http://127.0.0.1:{settings.port}/readyz", timeout=10)
    except httpx.HTTPError as exc:
        return ill(
            f"Nothing answers on port {settings.port}: {exc}.",
            "See what `studio logs --program api` says last.",
        )
    if answer.status_code == httpx.codes.OK:
        return well(f"It is ready on port {settings.port}.")
    reasons = [check.get("detail", "") for check in answer.json().get("checks", {}).values()]
    return ill(f"It is not ready: {' '.join(filter(None, reasons))}", "Mend what it names first.")
