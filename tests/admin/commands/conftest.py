"""Commands as an operator types them, on the database of the tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.kit.settings import Settings

Studio = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def studio(settings: Settings) -> Studio:
    """Run `studio …`; standard input as given."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "appliance.cli", *arguments],
            env=os.environ
            | {"WORKSPACE_PATH": str(settings.workspace), "STUDIO_RUN_DIR": str(settings.run_dir)}
            | environment,
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
