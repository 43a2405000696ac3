"""The node engine: chain state, mining, JSON-RPC."""
