"""Training networks, and judging what they paint."""
