"""What travels out of the catalog."""

import msgspec

from app.flow.catalog import StepSpec


class CatalogView(msgspec.Struct, frozen=True, kw_only=True):
    """Every step type there is."""

    items: list[StepSpec]
