"""What the cells of a column are: how numbers, dates, times, truths and texts are written, and found out."""
