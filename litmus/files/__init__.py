"""Files as they are read and written, and the digests by which it is seen that one has changed."""
