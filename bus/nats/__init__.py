"""The fan-out on NATS: connection, topology, relay, durable consumers, dead letters, services."""
