"""Proposals for how use cases are served."""
