"""The director: what is played in memory, and who leads it."""
