"""Who is in the organization: list, add, change, remove."""

from uuid import UUID

from litestar import Controller, delete, get, patch, post

from app.resources.accounts import model
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.auth.passwords import hash_password, refuse_unfit
from app.resources.members import service
from app.resources.members.schemas import Members, MemberView, NewMember, RoleChange
from app.store.database import Database


class MemberController(Controller):
    """The people of an organization."""

    path = "/api/v1/members"
    tags = ("members",)

    @get("/", operation_id="listMembers", guards=[requires(Role.viewer)])
    async def list_members(self, principal: Principal, database: Database) -> Members:
        """Everyone in the organization, with their roles."""
        async with database.transaction(principal.scope) as tx:
            return Members(items=[MemberView.of(member) for member in await model.members_of(tx)])

    @post("/", operation_id="addMember", guards=[requires(Role.admin)])
    async def add(self, principal: Principal, database: Database, data: NewMember) -> MemberView:
        """Add a person. Someone new to the box gets the password given here and may change it."""
        password_hash = None
        if data.password is not None:
            await refuse_unfit(data.password, data.email, data.name)
            password_hash = await hash_password(data.password)
        async with database.transaction(principal.scope) as tx:
            return MemberView.of(await service.add(tx, principal, data, password_hash))

    @patch("/{user_id:uuid}", operation_id="changeRole", guards=[requires(Role.admin)])
    async def change(
        self, principal: Principal, database: Database, user_id: UUID, data: RoleChange
    ) -> MemberView:
        """Give a member another role; it counts from their next request on."""
        async with database.transaction(principal.scope) as tx:
            return MemberView.of(await service.change_role(tx, principal, user_id, data.role))

    @delete("/{user_id:uuid}", operation_id="removeMember", guards=[requires(Role.admin)])
    async def remove(self, principal: Principal, database: Database, user_id: UUID) -> None:
        """End a membership. The person's other organizations stay as they are."""
        async with database.transaction(principal.scope) as tx:
            await service.remove(tx, principal, user_id)
