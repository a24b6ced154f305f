"""Who holds commands until a second operator confirms them."""
