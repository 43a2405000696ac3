"""Blocks to be mined: what goes into them, who waits for the next one (Core: src/node/miner.cpp)."""
