"""The world without servers: its contexts as the program wires them, one log in memory, one clock."""
