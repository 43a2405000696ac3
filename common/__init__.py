"""Small things every layer may use: chains, paths, logging, locks."""
