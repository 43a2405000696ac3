"""What wallets cost: `python -m benchmarks.wallet`."""
