"""Whether a quest can stick: a search over all that players and the world may do, on the rules themselves."""
