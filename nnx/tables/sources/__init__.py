"""Files of every kind, and tables in memory, as sources of rows; how a file of text is read is found out from it."""
