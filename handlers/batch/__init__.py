"""Batches for the bronze tier: their commands and the workers."""
