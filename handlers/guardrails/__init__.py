"""What may be said, held between the players and the engines."""
