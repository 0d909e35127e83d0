"""Compares engines: same photos and networks, one process per engine."""
