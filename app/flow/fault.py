"""What may be wrong with an expression, as everybody who looks at one says it."""


class Fault(Exception):
    """Something wrong with an expression: where in it (from 0), and a sentence."""

    def __init__(self, start: int, message: str) -> None:
        self.start = start
        self.message = message
        super().__init__(message)
