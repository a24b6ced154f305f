"""What every read model stands on: the view, its table, the runner."""
