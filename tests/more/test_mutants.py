"""Can the engine still be changed in its places, and are those explained that nobody notices?"""

from tests.mutants import engine


def test_each_change_that_is_explained_can_still_be_made():
    every = engine.all_changes()
    assert engine.explained()
    assert engine.not_there(every) == set()
    assert engine.not_there(every[:1]) != set()
