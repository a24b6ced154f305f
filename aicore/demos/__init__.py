"""The demos, clients of the public wire."""
