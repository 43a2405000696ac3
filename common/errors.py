"""Every error package `common` raises on purpose."""


class CommonError(Exception):
    """Something every layer may use went wrong; the text is one line for a person."""


class ChainError(CommonError, ValueError):
    """A chain name nobody knows."""


class LogError(CommonError):
    """The log file cannot be opened, or a category or level is unknown."""


class LockError(CommonError):
    """A directory cannot be written to, or somebody else holds its lock."""
