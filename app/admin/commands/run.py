"""`studio run`: a workflow from a file."""

from app.admin.running import command


def main(arguments: list[str]) -> int:
    """Save, start, watch and fetch."""
    return command.main(arguments)
