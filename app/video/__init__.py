"""Films in and out, frame by frame (PyAV), and the damping of flicker between painted frames.

It knows neither the engine nor the web: whoever calls brings the function that paints a frame. This module
itself loads neither PyAV nor OpenCV.
"""

# How much of the frame before a pixel may keep where nothing moves; the rest lets slow changes come through.
DAMPING = 0.95
# Seconds of a film after which what is finished is kept for good.
SEGMENT_SECONDS = 2.0
