"""The tour of `lakebed demo`. Read `tour.py` first; `../data/` holds its table."""
