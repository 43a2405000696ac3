"""One file for each family of types that can cross: how it is matched, written and read."""
