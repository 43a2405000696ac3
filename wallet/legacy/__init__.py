"""Legacy wallets, of which descriptor wallets are made: what they hold, what is theirs, and what becomes of it."""
