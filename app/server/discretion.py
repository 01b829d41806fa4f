"""What a log may hold of an address: below `/hooks/` the last part is a secret, whoever reads the log."""

from typing import Final

SECRET_BELOW: Final = "/hooks/"  # noqa: S105  where they are, not one of them
SHOWN_LETTERS: Final = 9  # as many as the page of a webhook shows, to tell which one it was


def for_the_log(path: str) -> str:
    """The path, with a secret in it cut short."""
    if not path.startswith(SECRET_BELOW):
        return path
    before, _, secret = path.rstrip("/").rpartition("/")
    return f"{before}/{secret[:SHOWN_LETTERS]}…"
