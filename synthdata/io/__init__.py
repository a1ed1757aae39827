"""The disk and the network for all rooms: files that appear whole, HTTP with retries."""
