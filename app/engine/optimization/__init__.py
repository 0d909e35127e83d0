"""Optimised pictures: pixels that descend the losses themselves (Gatys, Ecker and Bethge 2015)."""
