"""The lore in Postgres: vectors of its passages."""
