"""The sample world, Cindermouth: readable data, its loader, and the prompt that speaks of it."""
