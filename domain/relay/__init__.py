"""What operators decide about the log's copy in JetStream."""
