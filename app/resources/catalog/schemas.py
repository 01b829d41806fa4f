"""What travels out of the catalog."""

import msgspec

from app.flow.catalog import StepSpec
from app.flow.library import FunctionSpec
from app.resources.paging import OnePage


class CatalogView(msgspec.Struct, frozen=True, kw_only=True):
    """Every step type there is."""

    items: list[StepSpec]
    next_cursor: OnePage = None


class FunctionsView(msgspec.Struct, frozen=True, kw_only=True):
    """Every function of the expression language."""

    items: list[FunctionSpec]
    next_cursor: OnePage = None
