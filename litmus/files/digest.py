"""A short hash by which it is seen whether something is as it was, in this process or another."""

import hashlib


def digest(*parts: str | bytes) -> str:
    """Return a hash of some texts or bytes."""
    return hashlib.sha256(b"\0".join(map(_bytes, parts))).hexdigest()[:16]


def _bytes(part: str | bytes) -> bytes:
    return part.encode(errors="surrogatepass") if isinstance(part, str) else part
