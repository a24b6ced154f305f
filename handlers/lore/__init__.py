"""The lore: its documents in memory, what is found in them, and the vectors of their passages."""
