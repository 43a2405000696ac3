"""The error that ends a program with one line and exit status 1."""


class StartError(Exception):
    """What the user asked for cannot be done; the text is one line."""

    caption = "Error: "
    """What goes before the text."""


class RecoverableError(StartError):
    """What a reindex would mend; Core asks its user whether to, so there is no caption."""

    caption = ""
