"""What Bitcoin is made of: transactions, blocks, scripts, addresses."""
