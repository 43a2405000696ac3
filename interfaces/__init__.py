"""Abstract interfaces between the processes, and their data. No behaviour lives here."""
