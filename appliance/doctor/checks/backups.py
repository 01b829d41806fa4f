"""There are backups, and the newest was proved."""

from datetime import UTC, datetime

from app.kit.backups import BACKUP_MAX_AGE_S, PROOF_MAX_AGE_S, Backups
from appliance.doctor.finding import Finding, Patient, ill, watch, well


def look(patient: Patient) -> Finding:
    """What the last backup and the last drill say."""
    status = Backups(patient.settings.workspace).status()
    if status.let_go is not None:
        return ill(status.let_go.sentence, "Make one: `studio backup`. Why none is: `studio backup list`.")
    if status.last_good_at is None:
        return watch("No backup was ever made.", "Make one: `studio backup`. Then keep the kit elsewhere.")
    age_s = (datetime.now(UTC) - status.last_good_at).total_seconds()
    if age_s > BACKUP_MAX_AGE_S:
        return ill(
            f"The last good backup is {age_s / 3600:.0f} hours old.",
            "See why the nightly one failed: `studio backup list`.",
        )
    if status.last_proved_at is None:
        return watch("No backup was ever proved.", "Prove the newest: `studio backup drill`.")
    proof_s = (datetime.now(UTC) - status.last_proved_at).total_seconds()
    if proof_s > PROOF_MAX_AGE_S:
        return watch(
            f"The last proof is {proof_s / 86_400:.0f} days old.", "Prove the newest: `studio backup drill`."
        )
    return well(f"The newest is {age_s / 3600:.0f} hours old, the last proof {proof_s / 86_400:.0f} days.")
