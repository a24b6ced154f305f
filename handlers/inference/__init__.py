"""One turn of a player: from the question to its record."""
