"""Decodes strangers' files in a separate process that can only compute.

``pool`` runs in the site. ``child`` runs in the decoding process; ``limits`` and ``seccomp`` restrict it.
"""
