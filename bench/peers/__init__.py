"""This engine beside others: the same photos and the same network, one process per engine, turn by turn."""
