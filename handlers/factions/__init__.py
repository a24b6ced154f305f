"""The factions: deeds, what is known of them in memory, and who leads them through their days."""
