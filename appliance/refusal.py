"""The one exception of the appliance: a sentence for the person who started Studio."""


class Refusal(Exception):
    """Studio cannot start or go on. The text names the thing, the reason and the next move."""

    def __init__(self, sentence: str, exit_code: int = 78) -> None:
        # 78 is EX_CONFIG of sysexits.h: something outside the program has to change first.
        self.sentence = sentence
        self.exit_code = exit_code
        super().__init__(sentence)
