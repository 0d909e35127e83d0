"""Benchmarks: ``make bench`` runs all that measure, ``python -m bench site`` one of them.

``python -m bench screenshots`` and ``suits`` make pictures; ``python -m bench.leads`` and ``bench.failures``
take a network.
"""
