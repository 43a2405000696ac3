"""What a node costs: connecting blocks, starting, answering, telling 100 subscribers."""
