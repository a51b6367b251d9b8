"""What `lakebed run` and `lakebed runs` are told, and what they print."""
