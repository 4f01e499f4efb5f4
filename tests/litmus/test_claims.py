"""Is what a claim rests on, and how well it stands, worked out from the notes and the tests?"""

import random
from dataclasses import replace

import pytest

from litmus.claims import markers
from litmus.claims.claim import Claim
from litmus.claims.claims import WEAK, Claims
from litmus.claims.evidence import Mark, Outcome
from litmus.claims.grounds import loops, told
from litmus.claims.standing import standing
from litmus.vault.notes import Note
from litmus.vault.packed import Text

DEFINITION = "---\nkind: definition\n---\n# D\n\nAn $x$.\n"


def lemma(statement="Nothing.", proof="", properties="kind: lemma"):
    return f"---\n{properties}\n---\n# L\n\n{statement}\n\n" + (
        f"## Proof\n\n{proof}\n" if proof else ""
    )


def outcome(*marks, test="tests/test_a.py::test_a", passed=1, failed=0, skipped=0):
    ran = {"passed": passed, "failed": failed, "skipped": skipped}
    environment = {"seconds": 0.1, "date": "2026-01-01", "python": "3", "torch": "2"}
    return Outcome(test, 1, marks, **ran, **environment, fingerprint="", statements=())


def checked(name, **counts):
    return outcome(Mark("claim", name, by="exact"), **counts)


def controlled(name, drops="d", **counts):
    mark = Mark("control", name, drops=drops)
    return outcome(mark, test="tests/test_a.py::test_control", **counts)


@pytest.mark.parametrize(
    ("statement", "assumed"),
    [
        ("Let [[d]].", ["d"]),
        ("Let [[D|it]] and [[d]].", ["d"]),
        ("> [!note] As\n> in [[d]]", ["d"]),
        ("| a |\n|---|\n| [[d]] |", ["d"]),
        ("By [[other]].", []),  # a lemma is used, not assumed
        ("Let [[essay]].", []),
        ("## Remark\n\n[[d]]", []),
        ("`[[d]]`", []),
    ],
)
def test_a_claim_assumes_the_definitions_that_its_statement_links(claims_of, statement, assumed):
    claims = claims_of({"c": lemma(statement), "d": DEFINITION, "other": lemma()})
    assert claims["c"].assumes == assumed


@pytest.mark.parametrize(
    ("proof", "used"),
    [
        ("By [[other]].", ["other"]),
        ("By [[other|the other lemma]] and [[d]].", ["other", "d"]),
        ("- First,\n  by [[other]]", ["other"]),
        ("We see that [[other]] holds.", ["other"]),
        ("Compare the two sides by [[other]].", ["other"]),
        ("By [[d]], cf. [[other]].", ["d"]),
        ("Cf. [[other]]", []),
        ("cf [[other]]", []),
        ("(see [[other]])", []),
        ("See also [[other]].", []),
        ("see\n[[other]]", []),
        ("Compare with [[other]].", []),
        ("*cf.* [[other]]", []),
        ("Clear. By [[nothing]].", []),
    ],
)
def test_a_claim_uses_the_claims_that_its_proof_links_unless_it_compares(claims_of, proof, used):
    claims = claims_of({"c": lemma(proof=proof), "d": DEFINITION, "other": lemma()})
    assert claims["c"].uses == used
    assert claims["other"].used_by == (["c"] if "other" in used else [])


def test_every_proof_counts_and_nothing_beside_them(claims_of):
    text = lemma(proof="[[one]]") + "## Second proof\n\n[[two]]\n\n## Remark\n\n[[three]]\n"
    claims = claims_of({"c": text, **{name: lemma() for name in ["one", "two", "three"]}})
    assert claims["c"].uses == ["one", "two"]
    assert len(claims["c"].proofs) == 2


@pytest.mark.parametrize(
    ("note", "tests", "argument"),
    [
        (DEFINITION, [], "by definition"),
        (lemma(properties="kind: assumption"), [], "by definition"),
        (lemma(), [], "open"),
        (lemma() + "## Proof\n\n## Check\n\nx", [], "open"),
        (lemma(proof="Clear."), [], "argued"),
        (lemma(properties="kind: lemma\nsource: '@a'"), [], "cited"),
        (lemma(proof="Clear.", properties="kind: lemma\nsource: '@a'"), [], "argued"),
        (lemma(), [outcome(Mark("counterexample", "c"))], "refuted"),
        (lemma(), [outcome(Mark("counterexample", "c"), passed=0, failed=1)], "open"),
        (lemma(), [outcome(Mark("counterexample", "c"), passed=0, skipped=1)], "open"),
        (lemma(), [checked("c")], "open"),
    ],
)
def test_the_argument_follows_from_kind_proof_source_and_counterexample(
    claims_of, note, tests, argument
):
    claim = claims_of({"c": note})["c"]
    claim.outcomes += tests
    assert claim.argument == argument


@pytest.mark.parametrize(
    ("marked", "passed", "failed", "stale", "holds"),
    [
        ("tests/test_a.py::test_a", 1, 0, "tests/test_a.py::test_b", True),
        ("tests/test_a.py::test_a", 1, 0, "tests/test_a.py::test_a", False),
        ("tests/test_a.py::test_a", 2, 1, "", False),
        ("tests/test_a.py::test_a", 0, 0, "", False),
    ],
)
def test_what_is_stale_or_fails_refutes_nothing_and_drops_nothing(
    claims_of, marked, passed, failed, stale, holds
):
    claims = claims_of({"c": lemma(), "on": lemma("On [[d]]."), "d": DEFINITION})
    counts = {"test": marked, "passed": passed, "failed": failed, "skipped": 1}
    claims["c"].outcomes.append(outcome(Mark("counterexample", "c"), **counts))
    claims["on"].outcomes.append(outcome(Mark("control", "on", drops="d"), **counts))
    for claim in claims.values():
        claim.stale.add(stale)
    assert claims["c"].argument == ("refuted" if holds else "open")
    assert claims["on"].controls == {"d": holds}


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        (0.5, "50 %"),
        (0.95, "95 %"),
        (0.9, "90 %"),
        (0.994, "99.4 %"),
        (0.9999, "99.99 %"),
        (1 - 6.3e-4, "99.93 %"),
        (1 - 5.7e-7, "99.99994 %"),
        (0.003, "0 %"),
        (0.0, "0 %"),
    ],
)
def test_a_confidence_is_shown_with_its_nines_and_never_rounded_up(claims_of, confidence, shown):
    claims = claims_of({"c": lemma()})
    random_runs = replace(checked("c"), confidence=confidence)
    searched = replace(checked("c", test="tests/test_a.py::test_s"), among=12_000)
    claims["c"].outcomes += [random_runs, searched]
    told = standing(claims, claims["c"])["checks"]
    assert [(test["confidence"], test["among"]) for test in told] == [
        (shown, ""),
        ("", "12,000"),
    ]


@pytest.mark.parametrize(
    ("tests", "stale", "evidence"),
    [
        ([], set(), "none"),
        ([checked("c")], set(), "checked"),
        ([controlled("c")], set(), "none"),
        ([checked("c"), controlled("c")], set(), "checked with control"),
        ([checked("c"), controlled("c", passed=0, skipped=1)], set(), "checked"),
        ([checked("c", passed=0, skipped=3)], set(), "none"),
        ([checked("c", passed=2, failed=1)], set(), "failing"),
        ([checked("c"), controlled("c", passed=0, failed=1)], set(), "failing"),
        ([checked("c")], {"tests/test_a.py::test_a"}, "stale"),
        ([checked("c")], {"tests/test_a.py::test_b"}, "checked"),
    ],
)
def test_the_evidence_follows_from_the_tests_that_ran(claims_of, tests, stale, evidence):
    claim = claims_of({"c": lemma()})["c"]
    claim.outcomes += tests
    claim.stale |= stale
    assert claim.evidence == evidence


RESTING = {
    "top": lemma("On [[d]].", "By [[middle]]."),
    "middle": lemma(proof="By [[bottom]] and [[known]]."),
    "bottom": lemma(),
    "known": lemma(properties="kind: lemma\nsource: '@a'"),
    "d": DEFINITION,
    "apart": lemma(proof="By [[known]]."),
    "sure": lemma("On [[d]].", "Clear."),
}


def test_nobody_misses_a_test_of_a_definition(claims_of):
    claims = claims_of({"d": DEFINITION, "c": lemma()})
    assert (claims["d"].shows_evidence, claims["c"].shows_evidence) == (False, True)
    claims["d"].outcomes = [checked("d")]
    assert claims["d"].shows_evidence


def test_a_page_says_that_there_is_no_evidence_rather_than_none(claims_of):
    claim = claims_of({"c": lemma()})["c"]
    assert claim.evidence_shown == "no evidence"
    claim.outcomes = [checked("c")]
    assert claim.evidence_shown == claim.evidence == "checked"


def test_a_claim_rests_on_all_below_it_and_the_weakest_is_named(claims_of):
    claims = claims_of(RESTING)
    assert claims.rests_on("top") == ["bottom", "d", "known", "middle"]
    assert claims.support("top").claims == 4
    counts = {"argued": 1, "by definition": 1, "cited": 1, "open": 1}
    assert claims.support("top").by_argument == counts
    assert claims.support("top").weakest == "bottom"
    assert claims.support("apart").weakest == "known"
    assert claims.support("sure").weakest is None
    refuted = claims_of(RESTING)
    refuted["known"].outcomes.append(outcome(Mark("counterexample", "known")))
    assert refuted.support("top").weakest == "known"


def made_of(below, **arguments):
    """Claims without texts, by what each uses; open ones, but for those that are `cited`."""
    return Claims(
        {
            name: Claim(
                Note(f"claims/{name}.md", {"source": arguments.get(name, "")}, 1, Text([], {})),
                "lemma",
                uses=list(uses),
            )
            for name, uses in below.items()
        }
    )


def all_below(below, name):
    """The same as the claims say, found by asking again and again."""
    found = set(below[name])
    while more := {other for known in found for other in below[known]} - found:
        found |= more
    return sorted(found - {name})


@pytest.mark.parametrize("seed", range(60))
def test_all_that_a_claim_rests_on_is_found_in_any_graph_with_loops(seed):
    draw = random.Random(seed)
    names = [f"c{number}" for number in range(draw.choice([1, 2, 5, 12]))]
    draw.shuffle(names)
    below = {
        name: draw.sample(names, draw.randint(0, min(len(names), draw.choice([1, 2, 4]))))
        for name in names
    }
    claims = made_of(below, **{name: "@a" for name in names if draw.random() < 0.5})
    for name in names:
        wanted = all_below(below, name)
        assert claims.rests_on(name) == wanted
        support = claims.support(name)
        assert support.claims == len(wanted) == sum(support.by_argument.values())
        said = [claims[other].argument for other in wanted]
        assert support.by_argument == {words: said.count(words) for words in sorted(set(said))}
        weakest = min(wanted, key=lambda n: WEAK.index(claims[n].argument), default=None)
        assert support.weakest == weakest
    assert [*claims.cycles()] == found_step_by_step(below)
    going_round = {
        name for name in names if name in {o for b in below[name] for o in reach(below, b)}
    }
    assert bool([*claims.cycles()]) == bool(going_round)


def reach(below, name):
    return {name, *all_below(below, name)}


def found_step_by_step(below):
    """The loops as a function finds them that calls itself for each step."""
    found, done = [], set()

    def visit(name, way):
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for other in below[name]:
                visit(other, [*way, name])
            done.add(name)

    for name in below:
        visit(name, [])
    return found


CHAIN = {f"c{n:04}": [f"c{n - 1:04}"] if n else [] for n in range(5_000)}


def test_a_chain_of_claims_may_be_longer_than_the_stack():
    claims = made_of(CHAIN, c0007="@a")
    assert [*claims.cycles()] == []
    assert claims.support("c4999").by_argument == {"cited": 1, "open": 4998}
    assert claims.support("c4999").weakest == "c0000"
    assert len(claims.rests_on("c4999")) == 4999
    assert len(repr(standing(claims, claims["c4999"]))) < 1000  # not with all that it rests on


def test_a_circle_of_claims_is_told_with_its_beginning_and_its_end():
    claims = made_of({**CHAIN, "c0000": ["c4999"]})
    (loop,) = claims.cycles()
    assert len(loop) == 5001
    assert told(loop).startswith("c0000 uses c4999 uses c4998 uses ")
    assert " uses … (4989 more) … uses " in told(loop)
    assert told(loop).endswith(" uses c0001 uses c0000")
    assert claims.support("c2000").claims == 4999
    assert list(loops({**CHAIN, "c0000": []})) == []


def test_claims_may_each_link_the_next_and_the_one_before():
    names = [*CHAIN]
    both = {a: [b, c] for a, b, c in zip(names[1:], names[2:] + names[:1], names, strict=False)}
    claims = made_of({**both, "c0000": []})
    assert claims.support("c0001").claims == claims.support("c4999").claims == 4999
    assert len([*claims.cycles()]) == 4998


def test_a_definition_may_be_used_by_all_claims(claims_of):
    notes = {f"c{number}": lemma("On [[d]] and [[d]].", "By [[d]].") for number in range(30)}
    assert claims_of({**notes, "d": DEFINITION})["d"].used_by == sorted(notes)


def test_definitions_may_name_one_another(claims_of):
    claims = claims_of(
        {
            "a": lemma("An [[b]].", properties="kind: definition"),
            "b": lemma("A [[c]].", properties="kind: definition"),
            "c": lemma("An [[a]] and [[c]].", properties="kind: definition"),
        }
    )
    assert {name: claims.rests_on(name) for name in "abc"} == {
        "a": ["b", "c"],
        "b": ["a", "c"],
        "c": ["a", "b"],
    }
    assert claims.problems == []


def let_a_neighbour_need_no_proof(claims):
    claims["middle"].kind = "axiom"


def refute_far_below(claims):
    claims["known"].outcomes.append(outcome(Mark("counterexample", "known")))


def let_a_test_be_stale(claims):
    claims["top"].stale.add("tests/test_a.py::test_a")


def let_a_test_fail(claims):
    claims["top"].outcomes[0] = replace(claims["top"].outcomes[0], failed=1)


def be_used_by_another(claims):
    claims["top"].used_by.append("apart")


def nothing(claims):
    pass


def stale_elsewhere(claims):
    claims["bottom"].stale.add("tests/test_a.py::test_a")


@pytest.mark.parametrize(
    ("change", "is_shown"),
    [
        (let_a_neighbour_need_no_proof, True),
        (refute_far_below, True),
        (let_a_test_be_stale, True),
        (let_a_test_fail, True),
        (be_used_by_another, True),
        (nothing, False),
        (stale_elsewhere, False),
    ],
)
def test_how_a_claim_stands_is_all_that_its_box_says_of_others(claims_of, change, is_shown):
    def stands(change):
        claims = claims_of(RESTING)
        claims["top"].outcomes.append(checked("top"))
        change(claims)
        return standing(claims, claims["top"])

    assert (stands(change) != stands(nothing)) == is_shown


def test_how_a_foundation_stands_is_also_how_the_tests_are_that_drop_it(claims_of):
    def stands(**ran):
        claims = claims_of(RESTING)
        if ran:
            claims["top"].outcomes.append(controlled("top", passed=ran["passed"]))
            claims["top"].stale |= ran["stale"]
        return standing(claims, claims["d"])

    stale = {"tests/test_a.py::test_control"}
    known = [
        stands(),
        stands(passed=1, stale=set()),
        stands(passed=2, stale=set()),
        stands(passed=1, stale=stale),
    ]
    assert len({repr(each) for each in known}) == 4
    assert stands(passed=1, stale={"tests/test_a.py::test_other"}) == known[1]


@pytest.mark.parametrize(
    ("uses", "loops"),
    [
        ({"a": ["a"]}, ["a uses a"]),
        ({"a": ["b"], "b": ["a"]}, ["a uses b uses a"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b uses c uses b"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
    ],
)
def test_a_proof_that_comes_back_to_itself_is_a_loop_and_a_diamond_is_none(claims_of, uses, loops):
    notes = {
        n: lemma(proof=" ".join(f"[[{o}]]" for o in others) or "x") for n, others in uses.items()
    }
    problems = [str(p) for p in claims_of(notes).problems]
    assert [
        f"depends on itself: {loop}." in p for loop, p in zip(loops, problems, strict=True)
    ] == [True for _ in loops]
    assert all(".md:10: " in problem for problem in problems)  # the line of the link


@pytest.mark.parametrize(
    ("proof", "argument"),
    [
        ("By [[b]].", "open"),  # which uses this one
        ("By [[a]].", "open"),
        ("By [words](nowhere.md).", "open"),
        ("By [[nowhere]] and [[d]].", "open"),
        ("By [[c]].", "open"),
        ("By [[d]].", "argued"),
        ("By [[#Proof]] and [[a#Proof]].", "argued"),  # another part of the same note
        ("By [[d]]; cf. [[b]], see [[nowhere]].", "argued"),
    ],
)
def test_a_proof_in_a_circle_or_by_a_note_that_is_not_there_argues_nothing(
    claims_of, proof, argument
):
    notes = {"a": proof, "b": "By [[a]].", "c": "By [[b]].", "beside": "By [[a]]."}
    claims = claims_of({"d": DEFINITION, **{name: lemma(proof=p) for name, p in notes.items()}})
    assert claims["a"].argument == argument
    assert claims["beside"].argument == "argued"
    assert claims.support("beside").weakest == ("a" if argument == "open" else None)


def test_a_link_that_compares_closes_no_loop(claims_of):
    assert not claims_of({"a": lemma(proof="[[b]]"), "b": lemma(proof="Cf. [[a]].")}).problems


def test_two_claims_of_one_name_are_a_problem_wherever_they_lie(project):
    files = {"docs/claims/a.md": lemma(), "docs/x/claims/A.md": lemma()}
    (problem,) = project(files).read().claims.problems
    assert str(problem).startswith("x/claims/A.md:1: two claims have the name 'A', the other is")


@pytest.mark.parametrize(
    ("path", "properties", "kind"),
    [
        ("claims/a.md", "kind: lemma", "lemma"),
        ("claims/a.md", "kind: lem", "lemma"),
        ("claims/a.md", "x: y", "claim"),
        ("deep/claims/a.md", "x: y", "claim"),
        ("ideas/a.md", "kind: Theorem", "theorem"),
        ("ideas/a.md", "kind: essay", None),
        ("ideas/a.md", "x: y", None),
        ("claims.md", "x: y", None),
    ],
)
def test_a_claim_is_what_lies_in_claims_or_has_a_theorem_kind(project, path, properties, kind):
    claims = project({f"docs/{path}": f"---\n{properties}\n---\n"}).read().claims
    assert [claim.kind for claim in claims.values()] == [kind] * bool(kind)


@pytest.mark.parametrize(
    ("mark", "wrong"),
    [
        (Mark("claim", "c", by="exact"), ""),
        (Mark("control", "c", drops="d"), ""),
        (Mark("control", "c", drops="^part"), ""),
        (Mark("counterexample", "c"), ""),
        (Mark("claim", "cc", by="exact"), "'cc', which no note states. Did you mean 'c'"),
        (Mark("claim", "c", by="eye"), "needs by= one of formal, certificate"),
        (Mark("claim", "c"), "needs by="),
        (Mark("control", "c", drops="other"), "does not assume. It can drop: ^part, d."),
        (Mark("control", "c", drops="^nope"), "does not assume. It can drop: ^part, d."),
        (Mark("control", "c", drops="^below"), "does not assume."),
        (Mark("control", "other", drops="d"), "It can drop: nothing."),
    ],
)
def test_a_marker_names_a_claim_and_a_control_drops_what_it_assumes(claims_of, mark, wrong):
    text = lemma("Let [[d]].\n\nA part. ^part", "By [[other]]. ^below")
    claims = claims_of({"c": text, "d": DEFINITION, "other": lemma()})
    assert wrong in markers.wrong_with(mark, claims)
    assert bool(markers.wrong_with(mark, claims)) == bool(wrong)


def test_the_statement_ends_at_the_first_section_and_its_hash_knows_nothing_else(claims_of):
    def claim(text):
        return claims_of({"c": text})["c"]

    first = claim("# T\n\nLet $x$.\n\n$$\ny\n$$\n\n## Proof\n\nz")
    assert first.said.statement_tex == "Let $x$.\n\n$$ y $$"
    same = claim("---\ntags: a\n---\n# Another title\n\nLet $x$.\n\n$$\ny\n$$\n\n## Proof\n\nother")
    assert same.said.statement_hash == first.said.statement_hash
    different = claim("# T\n\nLet $x'$.\n\n$$\ny\n$$\n\n## Proof\n\nz")
    assert different.said.statement_hash != first.said.statement_hash


def test_no_claims_have_no_problems():
    assert [*Claims().cycles()] == []
