"""The desktop program."""

from gui.immortal_constants import make_constants_immortal

make_constants_immortal()
