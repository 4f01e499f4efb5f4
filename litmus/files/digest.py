"""A short hash by which it is seen whether something is as it was, in this process or another."""

import hashlib


def digest(*parts: str | bytes) -> str:
    """Return a hash of some texts or bytes."""
    raw = (p.encode(errors="surrogatepass") if isinstance(p, str) else p for p in parts)
    return hashlib.sha256(b"\0".join(raw)).hexdigest()[:16]
