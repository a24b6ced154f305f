"""Storage and transport of facts: the Postgres log and the NATS fan-out behind `bus.ports`."""
