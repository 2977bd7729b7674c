"""What a checker says when the world broke a promise."""


class Violation(AssertionError):
    """`promise` in a word, for counting; the text says what was seen."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def check(holds: object, promise: str, what: str) -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(promise, what)
