"""Benchmarks: ``make bench`` runs all that measure, ``python -m bench site`` one of them.

Those that make pictures are run one by one: ``bench/__main__.py`` says which.
"""
