"""The kinds of claims, each with the short word that Obsidian's plugins for theorems have."""

KINDS = {
    "axiom": "axm",
    "definition": "def",
    "lemma": "lem",
    "proposition": "prp",
    "theorem": "thm",
    "corollary": "cor",
    "claim": "clm",
    "assumption": "asm",
    "example": "exm",
    "exercise": "exr",
    "conjecture": "cnj",
    "hypothesis": "hyp",
    "remark": "rmk",
}
FOUNDATIONS = {"definition", "assumption", "axiom", "hypothesis"}  # nothing to prove
