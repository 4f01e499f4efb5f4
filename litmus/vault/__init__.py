"""A vault: its notes and other files, what a link means, and where things stand on the site."""
