"""Compares this engine with others: same photos and network, one process per engine."""
