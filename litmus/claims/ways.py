"""The ways in which a test can check a claim, each in the sentence that explains it to a reader."""

WAYS = {  # the strongest first
    "formal": "A proof assistant accepts the statement, from axioms that are named.",
    "certificate": "Computer algebra or a solver settles the whole statement, for all values.",
    "certificate of a step": "Computer algebra or a solver settles one step of the proof.",
    "exact": "Rational arithmetic on examples, without any error.",
    "float64": "Floating point on examples, up to rounding, with the reason of the tolerance.",
    "simulation": "Random runs, with their confidence.",
    "search": "No counterexample among so many candidates.",
    "experiment": "A real network on real data.",
}
