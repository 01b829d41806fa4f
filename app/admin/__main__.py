"""`python -m app.admin COMMAND`: what `appliance` does not do itself, because it needs the code, the
database or the API.

Answers go to standard output, those for programs as one line of JSON; log lines go to standard error.
"""

import pkgutil
import sys
from importlib import import_module

from app.admin import commands


def main(argv: list[str]) -> int:
    """Run one command: 0 when done, 1 with a sentence when not, 2 for a command there is not."""
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    if not argv or argv[0] not in names:
        sys.stderr.write(f"Use: python -m app.admin {'|'.join(names)}\n")
        return 2
    code: int = import_module(f"{commands.__name__}.{argv[0]}").main(argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
