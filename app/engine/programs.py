"""Compiled workflows by version id: a version never changes, so its program is made once per process."""

from collections import OrderedDict

from app.engine.errors import VersionNotFound
from app.flow.catalog import Catalog
from app.flow.definition import SCHEMA, Definition
from app.flow.document import parse
from app.flow.program import Program, compile_program
from app.kit.ids import VersionId
from app.store.database import Transaction

_READ = "SELECT definition FROM workflow_versions WHERE id = %(id)s"


# What an instance has whose version this box can no longer read: nothing more to run.
NO_PROGRAM = Program(definition=Definition(schema=SCHEMA), nodes={}, order=(), roots=(), outputs={})


class Programs:
    """The programs used last."""

    def __init__(self, catalog: Catalog, limit: int = 256) -> None:
        self._catalog = catalog
        self._limit = limit  # a compiled program of 40 nodes takes some hundred kB
        self._known: OrderedDict[VersionId, Program] = OrderedDict()

    async def definition(self, tx: Transaction, version_id: VersionId) -> Definition:
        """The document of a version, whether or not it fits the step types. Raises VersionNotFound."""
        known = self._known.get(version_id)
        if known is not None:
            return known.definition
        row = await tx.fetch_one(_READ, {"id": version_id})
        if row is None:
            raise VersionNotFound
        return parse(row["definition"])

    async def get(self, tx: Transaction, version_id: VersionId, body: str = "") -> Program:
        """The program of a version, or of the body of one of its nodes (`again`, `again/inner`).

        Raises VersionNotFound, Invalid (its step types have changed since).
        """
        program = self._known.get(version_id)
        if program is None:
            row = await tx.fetch_one(_READ, {"id": version_id})
            if row is None:
                raise VersionNotFound
            program = compile_program(parse(row["definition"]), self._catalog)
            self._known[version_id] = program
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(version_id)
        return program.within(body)
