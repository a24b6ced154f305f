"""Places: the city in memory, commands that move, and who sees it."""
