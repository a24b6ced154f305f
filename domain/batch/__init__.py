"""Batches: many questions that nobody waits for, answered when there is room."""
