"""The roles of members as rooms know them; the language has them because a step says who may answer."""

from app.flow.roles import RANK, Role

__all__ = ["RANK", "Role"]
