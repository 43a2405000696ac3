"""JSON-RPC in Bitcoin Core's dialect: what a node and a wallet share to serve its methods."""
