"""Decodes files of strangers in a process of its own, which can do nothing but compute.

``pool`` runs in the site. ``child`` runs in the process that decodes; ``limits`` and ``seccomp`` bind it.
"""
