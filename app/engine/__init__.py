"""The style-transfer engine: networks, checkpoints and the catalogue of styles.

It knows nothing of the web, the database or payments. ``app.engine.catalogue`` and ``app.engine.errors``
load without TensorFlow; ``app.engine.stylizer`` imports it.
"""
