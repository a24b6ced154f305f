"""Model registry: which models there are, what is known of each, and which one serves a use case."""
