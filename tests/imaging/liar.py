"""A decoding process that lies: ``python -m tests.imaging.liar SOCKET``."""

from tests.imaging.rogue import lie

if __name__ == "__main__":
    lie()
