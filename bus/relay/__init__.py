"""The bridge from the log to JetStream; it stands on both banks."""
