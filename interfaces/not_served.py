"""The answer of a method whose engine this process does not have."""


class NotServedError(Exception):
    """A method is not served; the text names it in the schema's spelling."""

    def __init__(self, method: str) -> None:
        """`method` such as "Mining.createNewBlock"."""
        super().__init__(f"{method} is not served by pynode yet")
