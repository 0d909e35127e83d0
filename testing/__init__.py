"""What tests and benchmarks share: sites, the people who use them, photos and films."""
