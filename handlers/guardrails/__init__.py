"""Guardrails between the players and the engines."""
