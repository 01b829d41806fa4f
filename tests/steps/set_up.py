"""What set-up left out on this machine: the one reason for which a test of models is skipped."""

import sys
from pathlib import Path

import pytest


def torch_is_left_out() -> bool:
    """Whether scripts/setup.sh said so (none to be had, or `--torch none`); else it must be here."""
    stamp = Path(sys.prefix) / ".studio" / "torch"
    return stamp.is_file() and stamp.read_text().startswith(("missing ", "none "))


needs_torch = pytest.mark.skipif(torch_is_left_out(), reason="set-up left torch out")
