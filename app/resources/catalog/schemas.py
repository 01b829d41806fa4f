"""What travels out of the catalog."""

import msgspec

from app.flow.catalog import StepSpec
from app.flow.library import FunctionSpec


class CatalogView(msgspec.Struct, frozen=True, kw_only=True):
    """Every step type there is."""

    items: list[StepSpec]


class FunctionsView(msgspec.Struct, frozen=True, kw_only=True):
    """Every function of the expression language."""

    items: list[FunctionSpec]
