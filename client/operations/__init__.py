"""What can be asked of a server, by subject; `async_client.py` puts them together."""
