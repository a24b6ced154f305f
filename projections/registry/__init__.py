"""Read models of the registry."""
