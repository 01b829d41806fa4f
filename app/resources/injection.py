"""What handlers may ask for by name: the parts of the box, and who is calling."""

from typing import Any

from litestar.datastructures import State
from litestar.di import Provide

from app.resources.accounts.guards import provide_principal, provide_worker

# Each stands in the application's state under its name.
PARTS = (
    *("settings", "database", "bus", "bells", "blobs", "backups", "engine", "tally", "catalog", "vault"),
    "watch",
)


def dependencies() -> dict[str, Provide]:
    """The application's dependencies, by the name handlers use."""
    return {
        **{name: Provide(_part(name), sync_to_thread=False) for name in PARTS},
        "principal": Provide(provide_principal),
        "worker": Provide(provide_worker),
    }


def _part(name: str) -> Any:
    def provide(state: State) -> Any:
        return state[name]

    return provide
