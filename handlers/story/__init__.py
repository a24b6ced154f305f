"""What people say to players: who may speak to whom, what is answered, how it comes to its words."""
