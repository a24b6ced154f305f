"""How the parts become components."""
