"""Read models of quests."""
