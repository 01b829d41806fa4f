"""The palette: every step type with its ports and JSON Schemas, and every function of expressions."""

from litestar import Controller, get

from app.flow.catalog import Catalog, StepSpec
from app.flow.library import library
from app.resources.accounts.guards import requires
from app.resources.accounts.roles import Role
from app.resources.catalog.schemas import CatalogView, FunctionsView


class CatalogController(Controller):
    """What a workflow can be made of."""

    path = "/api/v1/catalog"
    tags = ("catalog",)

    @get("/", operation_id="getCatalog", guards=[requires(Role.viewer)])
    async def read(self, catalog: Catalog) -> CatalogView:
        """Every step type, hidden ones marked, in the order of their kinds."""
        specs: list[StepSpec] = [catalog[kind] for kind in sorted(catalog)]
        return CatalogView(items=specs)

    @get("/functions", operation_id="listFunctions", guards=[requires(Role.viewer)])
    async def read_functions(self) -> FunctionsView:
        """Every function an expression may call, by name, with its signature and examples."""
        return FunctionsView(items=[each.spec for each in library().values()])
