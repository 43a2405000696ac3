"""The programs: options, bitcoin.conf, and who is wired to whom."""

import os
import signal
import sys

PROGRAMS = ("pynode", "pywallet", "pygui", "pycli")

# An interrupt while a program is still being imported ends it without a traceback; `running.run` takes over.
if os.path.basename((sys.argv or [""])[0]) in PROGRAMS:  # noqa: PTH119 - pathlib would cost more than all of this
    signal.signal(signal.SIGINT, signal.SIG_DFL)
