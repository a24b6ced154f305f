"""The rules: pure functions over frozen data, one folder per bounded context."""
