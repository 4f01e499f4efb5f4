"""TeX -> HTML: macros, what MathJax knows and KaTeX does not, KaTeX, and its markup made short."""
