"""Cap'n Proto: messages, two-party RPC at level 1, and the threads calls run on."""
