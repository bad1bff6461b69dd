"""Building blocks of networks; they know nothing of programs."""
