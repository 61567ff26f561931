"""Networks for tables: encoder, network, members and calibration in one model; what the command runs."""
