"""A vault and its claims -> the files of a site: all of them, or those that a change touches."""
