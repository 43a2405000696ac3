"""Which transactions a node takes into its mempool: pure functions, in Core's order and words (Core: src/policy)."""
