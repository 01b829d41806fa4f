"""Steps cannot read the box's secrets."""

import subprocess

from app.kit.settings import KEY_NAMES
from appliance.doctor.finding import Finding, Patient, absent, ill, unknown, well
from appliance.users import as_account, myself, worker_account


def look(patient: Patient) -> Finding:
    """Try to read a key as the workers' user."""
    settings = patient.settings
    account = worker_account(settings)
    if account.uid == myself().uid:
        return absent("Natively everything runs as you; the image gives workers a user of their own.")
    key = next((path for name in KEY_NAMES if (path := settings.keys_dir / name).exists()), None)
    if key is None:
        return absent("The keys come from the environment, and workers are handed none but theirs.")
    done = subprocess.run(
        as_account(account, ["cat", str(key)]), capture_output=True, timeout=10, check=False
    )
    if done.returncode == 0:
        return ill(
            "Workers' steps may read the box's keys.",
            "This volume keeps no file private: give the keys in the environment instead.",
        )
    if b"denied" not in done.stderr:
        return unknown("It could not be tried as the workers' user.", "Ask as root.")
    return well("The workers' user is refused.")
