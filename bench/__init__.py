"""Benchmarks: ``make bench`` runs them all, ``python -m bench site`` one of them."""
