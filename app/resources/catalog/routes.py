"""The palette: every step type with its ports and JSON Schemas."""

from litestar import Controller, get

from app.flow.catalog import Catalog, StepSpec
from app.resources.accounts.guards import requires
from app.resources.accounts.roles import Role
from app.resources.catalog.schemas import CatalogView


class CatalogController(Controller):
    """What a workflow can be made of."""

    path = "/api/v1/catalog"
    tags = ("catalog",)

    @get("/", operation_id="getCatalog", guards=[requires(Role.viewer)])
    async def read(self, catalog: Catalog) -> CatalogView:
        """Every step type, hidden ones marked, in the order of their kinds."""
        specs: list[StepSpec] = [catalog[kind] for kind in sorted(catalog)]
        return CatalogView(items=specs)
