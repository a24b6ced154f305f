"""What the events of each context say: one file per context, a line for each event that says something."""
