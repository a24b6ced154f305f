"""Side by side with the peers, one file per question: `python -m benchmarks NAME [--json] [--quick]`."""
