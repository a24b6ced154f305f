"""The operator's word on a stream that holds more than the log."""
