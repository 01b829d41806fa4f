"""ffmpeg is here and encodes."""

import shutil
import subprocess

from appliance.doctor.finding import Finding, Patient, ill, watch, well


def look(patient: Patient) -> Finding:  # noqa: ARG001  every check takes its patient
    """Encode a quarter of a second, as media steps do."""
    program = shutil.which("ffmpeg")
    if program is None or shutil.which("ffprobe") is None:
        return ill("ffmpeg or ffprobe is not installed.", "Install Debian's ffmpeg.")
    command = [program, "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=d=0.25:s=64x64"]
    done = subprocess.run(
        [*command, "-c:v", "libx264", "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        return watch(f"It cannot encode H.264: {words}", "Install an ffmpeg with libx264, as Debian's is.")
    return well("It encodes H.264.")
