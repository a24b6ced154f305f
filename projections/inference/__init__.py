"""Read models of inference."""
