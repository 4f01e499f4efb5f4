"""Lends the tests pytest's own means to run other tests, for those of the ledger."""

pytest_plugins = ["pytester"]
