"""Quests: what they go by, in memory; their commands at the ledger's desk; who looks at them."""
