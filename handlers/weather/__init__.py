"""The realm's weather: its commands, what is known of it in memory, and who leads it."""
