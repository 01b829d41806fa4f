"""Finds the rooms: every package in app.resources that has a `routes` module brings its own handlers."""

import importlib
import importlib.util
import inspect
import pkgutil
from types import ModuleType
from typing import TypeGuard

from litestar import Controller
from litestar.handlers import BaseRouteHandler

from app import resources

RouteHandler = type[Controller] | BaseRouteHandler


def route_handlers() -> list[RouteHandler]:
    """Every controller and free handler of every room, in the order of the folders' names."""
    return [handler for module in room_modules("routes") for handler in _handlers_of(module)]


def room_modules(name: str) -> list[ModuleType]:
    """The module `name` of each room that has one."""
    found = []
    for room in sorted(pkgutil.iter_modules(resources.__path__), key=lambda one: one.name):
        path = f"{resources.__name__}.{room.name}.{name}"
        if room.ispkg and importlib.util.find_spec(path) is not None:
            found.append(importlib.import_module(path))
    return found


def _handlers_of(module: ModuleType) -> list[RouteHandler]:
    """What the module itself defines; what it imports belongs elsewhere."""
    return [value for value in vars(module).values() if _is_own_handler(value, module.__name__)]


def _is_own_handler(value: object, module: str) -> TypeGuard[RouteHandler]:
    if inspect.isclass(value):
        return issubclass(value, Controller) and value.__module__ == module
    return isinstance(value, BaseRouteHandler) and value.fn.__module__ == module
