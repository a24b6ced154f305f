"""The supply chain: what AI Core is made of beside its own code, as notices and as a bill of materials."""
