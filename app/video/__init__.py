"""Reading and writing films frame by frame (PyAV), and damping of flicker.

It imports neither the engine nor the web: the caller passes a function that paints a frame. This module
itself loads neither PyAV nor OpenCV.
"""

# The largest share of the previous frame in a still pixel; the rest lets slow changes through.
DAMPING = 0.95
# Length in seconds of a segment; a finished segment is stored for good.
SEGMENT_SECONDS = 2.0
