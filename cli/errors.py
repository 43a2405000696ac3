"""The error that ends a program with one line and exit status 1."""


class StartError(Exception):
    """What the user asked for cannot be done; the text is one line."""
