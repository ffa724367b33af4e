"""Measures rollcall beside other servers: see README.md one folder up."""
