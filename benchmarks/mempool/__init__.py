"""What the mempool and templates cost, beside Bitcoin Core's node on the same chain with the same transactions."""
