"""Promises of the tiers, in milliseconds."""

GOLD_TOKEN_MS = 16.0
"""Per token: a frame at 60 Hz; domain.md 1.12."""

SILVER_TTFT_MS = 250.0
"""To the first token; domain.md 1.12."""
