"""The base of every table that a room declares with SQLAlchemy."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

# Names as the migrations write them, so that a comparison of models and database finds nothing.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """One registry of tables; relations that are not loaded raise (`lazy="raise"`)."""

    metadata = MetaData(naming_convention=NAMING)
