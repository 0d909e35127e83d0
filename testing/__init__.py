"""Shared by tests and benchmarks: sites, customers, photos, films, networks."""
