"""JSON-RPC: one table of methods, and what answers requests from it."""
