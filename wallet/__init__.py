"""The wallet engine."""
