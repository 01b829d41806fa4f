"""Which Studio this is."""

import tomllib
from functools import cache
from pathlib import Path


@cache
def studio_version() -> str:
    """The version in pyproject.toml, which lies beside the code natively and in the image."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    with project.open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def version_key(version: str) -> tuple[int, ...]:
    """`0.10.2` as numbers to compare; what follows a dash or plus does not count."""
    numbers = version.replace("-", "+").split("+")[0].split(".")
    return tuple(int(part) for part in numbers if part.isdigit())
