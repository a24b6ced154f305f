"""Which engine answers: tiers, the router, a turn on its way."""
