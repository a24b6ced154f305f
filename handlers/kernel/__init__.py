"""What every handler stands on: the command loop and the bounded look-up."""
