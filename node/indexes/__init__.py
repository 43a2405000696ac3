"""Indexes over the chain: each follows the kernel's tip on a thread of its own, in a store of its own."""
