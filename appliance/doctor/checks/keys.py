"""The box's secrets are there and private."""

import stat

from app.kit.settings import KEY_NAMES
from appliance.doctor.finding import Finding, Patient, ill, watch, well
from appliance.keyring import keys


def look(patient: Patient) -> Finding:
    """Every key known, and every key file readable by its owner alone."""
    settings = patient.settings
    missing = [one.name for one in keys(settings) if one.source is None]
    if missing:
        return watch(f"{', '.join(missing)}: not made yet.", "The first boot makes them.")
    paths = [settings.keys_dir, *(settings.keys_dir / name for name in KEY_NAMES)]
    open_ones = [path.name for path in paths if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        return ill(
            f"Others on this machine may read {', '.join(open_ones)}.",
            "Start the box again as its owner; where files cannot be private, give keys in the environment.",
        )
    return well("All four are there, and theirs alone who boots.")
