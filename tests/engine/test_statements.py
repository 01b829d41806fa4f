"""The statements themselves: short enough for what the driver remembers of them."""

from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from app.engine import statements


def test_the_driver_remembers_how_to_read_every_statement() -> None:
    found = {name: value for name, value in vars(statements).items() if isinstance(value, str)}
    assert "SAVE" in found
    too_long = [name for name, value in found.items() if len(value) > MAX_CACHED_STATEMENT_LENGTH]
    assert not too_long, "each would be read anew at every move"
