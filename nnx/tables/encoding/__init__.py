"""From columns to the numbers that a network takes: TableEncoder, its encodings, and the target."""
