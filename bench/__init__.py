"""Benchmarks: ``make bench`` runs all, ``python -m bench site`` runs one.

Benchmarks that make pictures run one by one: ``bench/__main__.py`` lists them.
"""
