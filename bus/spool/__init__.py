"""A durable outbox on local disk, between the inference path and the log."""
