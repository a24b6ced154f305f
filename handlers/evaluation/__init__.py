"""Candidates compared with the current model."""
