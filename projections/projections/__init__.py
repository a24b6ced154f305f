"""What the read models say of themselves."""
