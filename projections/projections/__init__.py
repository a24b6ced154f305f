"""Status of the read models themselves."""
