"""The realm's clock: its commands, what is known of it in memory, and who leads it."""
