"""The memory pool: unconfirmed transactions, which of them are accepted, and in what order they are mined."""
