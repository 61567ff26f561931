"""Networks for tables: how sure they are of a prediction, and what they make it of."""
