"""`python -m app.admin …`: what needs the code or the database but no server."""

import sys


def main(argv: list[str]) -> int:
    """Run one command; the exit code tells how it went."""
    match argv:
        case ["openapi"]:
            from app.resources.openapi import as_json

            sys.stdout.buffer.write(as_json() + b"\n")
            return 0
        case _:
            sys.stderr.write("Use: python -m app.admin openapi|seed\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
