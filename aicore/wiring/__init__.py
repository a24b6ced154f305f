"""Assembly of the program's components from their parts."""
