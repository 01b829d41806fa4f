"""The addresses at which other programs call waiting steps back."""

from typing import Any

from litestar import Controller, Request, route

from app.engine.callbacks import PATH
from app.engine.engine import Engine
from app.flow.waits import Answer, NotByGet
from app.kit.clock import now
from app.resources.accounts.guards import hook
from app.resources.callbacks.calls import MAX_BODY_BYTES, call_of
from app.resources.callbacks.schemas import Taken
from app.store.database import Database, Scope


class CallbackController(Controller):
    """One address for each step that waits for a call."""

    path = PATH
    include_in_schema = False  # who calls was given the address by a workflow, and needs no document

    @route(
        "/{token:str}",
        http_method=["POST", "GET", "HEAD"],
        status_code=200,
        guards=[hook()],
        request_max_body_size=MAX_BODY_BYTES,
    )
    async def call(
        self, request: Request[Any, Any, Any], database: Database, engine: Engine, token: str
    ) -> Taken:
        """Take a call, once. A step that does not wait yet finds it when it does."""
        step_id = engine.callback_step(token)
        if request.method == "HEAD":  # whoever only looks does not call
            raise NotByGet
        given = Answer(at=now(), value=await call_of(request))
        async with database.transaction(Scope.system()) as tx:
            await engine.call_back(tx, step_id, given, may_be_kept=request.method == "POST")
        return Taken()
