"""Painting: previews at once, and renders by workers that read the queue.

A ``PaintRequest`` holds everything that decides a picture, and the painter passes it to the engine.
"""
