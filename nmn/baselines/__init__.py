"""The models beside module networks, one a file."""
