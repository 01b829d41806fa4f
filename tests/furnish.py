"""One thing of every kind in somebody's organization: what walks over all routes have to ask for.

Each room's tests may bring a `furnish.py` with `async def furnish(owner, …)`. It makes its things through the
API and gives their ids under the names that path parameters have. What it needs of another room, or the
`settings` of the box, it asks for as a parameter of that name. They are found, not listed.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any

from app.kit.settings import Settings
from tests import resources
from tests.people import Person

Furnisher = Callable[..., Awaitable[dict[str, str]]]


def furnishers() -> list[Furnisher]:
    """Every room's."""
    paths = [f"{resources.__name__}.{room.name}.furnish" for room in pkgutil.iter_modules(resources.__path__)]
    return [importlib.import_module(path).furnish for path in paths if importlib.util.find_spec(path)]


async def furnish(owner: Person, settings: Settings) -> dict[str, str]:
    """Make one of everything; ids by the name of their path parameter."""
    belongings: dict[str, str] = {}
    waiting = furnishers()
    while waiting:
        there: dict[str, Any] = {"owner": owner, "settings": settings, **belongings}
        ready = [one for one in waiting if needs(one) <= there.keys()]
        assert ready, f"nobody makes {set().union(*map(needs, waiting)) - there.keys()}"
        for one in ready:
            belongings |= await one(**{name: there[name] for name in needs(one)})
        waiting = [one for one in waiting if one not in ready]
    return belongings


def needs(furnisher: Furnisher) -> set[str]:
    """The names of what it asks for."""
    return set(inspect.signature(furnisher).parameters)
