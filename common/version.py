"""The version of this distribution, as a constant: asking the package metadata costs start-up time."""

from typing import Final

VERSION: Final = "0.1.0"
CLIENT_NAME: Final = "pynode"
"""What this software calls itself where Core's texts name the software."""
