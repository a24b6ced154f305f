"""The definition of the world in memory, and the queries over it."""
