"""The version of this distribution, as a constant: asking the package metadata costs start-up time."""

from typing import Final

VERSION: Final = "0.1.0"
VERSION_NUMBER: Final = 100
"""The same as a number: 10000 times the first part, 100 times the second, and the third (Core: CLIENT_VERSION)."""
CLIENT_NAME: Final = "pynode"
"""What this software calls itself where Core's texts name the software."""
