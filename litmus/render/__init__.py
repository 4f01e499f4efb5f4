"""One note -> HTML: what rules share and may ask, the rules, and the page that gives them all."""
