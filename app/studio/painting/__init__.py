"""Painting: previews at once, and renders by workers that take them from the queue.

A ``PaintRequest`` holds everything that decides a picture, and the painter passes it to the engine.
"""
