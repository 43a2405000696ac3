"""The version of this distribution, as a constant: asking the package metadata costs start-up time."""

from typing import Final

VERSION: Final = "0.1.0"
CORE_VERSION: Final = 319900
"""The version of Bitcoin Core whose interfaces we follow, for programs that ask for it (Core: CLIENT_VERSION)."""
CLIENT_NAME: Final = "pynode"
"""What this software calls itself where Core's texts name the software."""
