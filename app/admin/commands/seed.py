"""What a box needs in its database before it serves; boot asks for it after every migration."""

import asyncio
import os
import sys

from app.admin.seed import seed
from app.kit.codec import encode
from app.kit.errors import StudioError
from app.kit.log import configure
from app.kit.redaction import keep_secret
from app.kit.settings import SettingsFaults, load_settings


def main(_arguments: list[str]) -> int:
    """Print how the claim stands, as one line of JSON; 1 with a sentence if that could not be done."""
    # Log lines are written to descriptor 1; standard output is for the answer alone.
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        settings = load_settings()
        keep_secret(*settings.secrets)
        configure("studio-boot", settings.log)
        os.write(answers, encode(asyncio.run(seed(settings))) + b"\n")
    except (SettingsFaults, StudioError, KeyError) as exc:
        sys.stderr.write(f"{exc.args[0] if isinstance(exc, KeyError) else exc}\n")
        return 1
    return 0
