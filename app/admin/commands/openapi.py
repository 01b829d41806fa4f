"""The API's description, for the UI's client and for whoever wants it as a file."""

import sys

from app.resources.openapi import as_json


def main(_arguments: list[str]) -> int:
    """Print it as one line of JSON."""
    sys.stdout.buffer.write(as_json() + b"\n")
    return 0
