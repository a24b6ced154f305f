"""The base of every read model: the view, its table, the runner."""
