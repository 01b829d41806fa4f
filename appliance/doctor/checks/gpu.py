"""The graphics card computes."""

import shutil
import subprocess
import sys
from pathlib import Path

from appliance.crew import CODE
from appliance.doctor.finding import Finding, Patient, absent, ill, unknown, well

PROGRAM = """
import torch
assert torch.cuda.is_available(), "torch sees no card"
print(int(torch.ones(64, device="cuda").sum()))
"""


def look(patient: Patient) -> Finding:
    """Add 64 ones on it, in a process of its own."""
    if "worker-gpu" not in patient.settings.roles:
        return absent("GPU steps run elsewhere.")
    if not Path("/proc/driver/nvidia/version").exists() and shutil.which("nvidia-smi") is None:
        return absent("There is no NVIDIA card here; GPU steps wait for a worker that has one.")
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=CODE, capture_output=True, text=True, timeout=25, check=False
        )
    except subprocess.TimeoutExpired:
        return unknown(
            "CUDA did not start within 25 s.", "Ask again; see `nvidia-smi` for a card that hangs."
        )
    if done.returncode == 0 and done.stdout.strip() == "64":
        return well("It adds up.")
    words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return ill(
        f"CUDA does not work: {words}",
        "Give the container the card (--gpus all), and the host a driver as new as torch's CUDA.",
    )
