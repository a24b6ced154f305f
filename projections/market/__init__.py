"""The read models of markets."""
