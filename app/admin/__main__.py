"""`python -m app.admin openapi|seed|run`: what `appliance` does not do itself, because it needs the code, the
database or the API.

Answers go to standard output, those for programs as one line of JSON; log lines go to standard error.
"""

import asyncio
import os
import sys

from app.kit.codec import encode
from app.kit.errors import StudioError
from app.kit.log import configure
from app.kit.settings import SettingsFaults, load_settings


def main(argv: list[str]) -> int:
    """Run one command: 0 when done, 1 with a sentence when not, 2 for a command there is not."""
    match argv:
        case ["openapi"]:
            return _openapi()
        case ["seed"]:
            return _seed()
        case ["run", *arguments]:
            return _run(arguments)
        case _:
            sys.stderr.write("Use: python -m app.admin openapi|seed|run\n")
            return 2


def _openapi() -> int:
    from app.resources.openapi import as_json

    sys.stdout.buffer.write(as_json() + b"\n")
    return 0


def _run(arguments: list[str]) -> int:
    from app.admin.running.command import main as run

    return run(arguments)


def _seed() -> int:
    from app.admin.seed import seed

    # Log lines are written to descriptor 1; standard output is for the answer alone.
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        settings = load_settings()
        configure("studio-boot", settings.log)
        os.write(answers, encode(asyncio.run(seed(settings))) + b"\n")
    except (SettingsFaults, StudioError, KeyError) as exc:
        sys.stderr.write(f"{exc.args[0] if isinstance(exc, KeyError) else exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
