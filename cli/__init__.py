"""The programs: options, bitcoin.conf, and who is wired to whom."""
