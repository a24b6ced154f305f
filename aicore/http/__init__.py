"""The HTTP server and its doors."""
