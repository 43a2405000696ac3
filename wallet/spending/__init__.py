"""Spending: which coins, what fees, which transaction, and its signatures."""
