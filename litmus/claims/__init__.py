"""Claims: what each rests on, the tests that check it, and how well it stands."""
