"""What may happen and what it means: pure functions over frozen data, one folder per bounded context."""
