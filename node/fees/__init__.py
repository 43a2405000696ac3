"""What fee a transaction needs to be in a block soon, learnt from those that were."""
