"""The RPC methods of wallets."""
