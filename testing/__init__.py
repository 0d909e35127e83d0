"""What tests and benchmarks share: sites to start, people who use them, pictures and films to paint."""
