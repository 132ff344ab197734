"""What was made last is given again for the same objects, and for no others."""

import gc
import weakref

import pytest

from mechanisms.infer.marginal.keeping import keep_with


class Thing:
    """An object that can be watched."""


@pytest.fixture
def counted():
    made = []

    @keep_with(1)
    def make(first, owner, *rest, **named):
        made.append((first, rest, named))
        return Thing()

    return make, made


def test_the_same_objects_are_the_same_question(counted):
    make, made = counted
    owner, first = Thing(), [1]
    kept = make(first, owner, 2, flag=True)
    assert make(first, owner, 2, flag=True) is kept
    assert len(made) == 1


@pytest.mark.parametrize(
    "other", [{"first": [1]}, {"rest": (3,)}, {"rest": ()}, {"named": {"flag": False}}, {"named": {"mark": True}}]
)
def test_anything_else_is_another_question(counted, other):
    make, made = counted
    owner, first = Thing(), [1]
    kept = make(first, owner, 2, flag=True)
    found = make(other.get("first", first), owner, *other.get("rest", (2,)), **other.get("named", {"flag": True}))
    assert found is not kept
    assert len(made) == 2
    assert make(first, owner, 2, flag=True) is kept


def test_nothing_is_kept_longer_than_its_owner_or_the_next_one(counted):
    make, made = counted
    one, other = Thing(), Thing()
    watched = weakref.ref(make(1, one))
    assert watched() is not None
    make(1, other)
    gc.collect()
    assert watched() is None
    watched = weakref.ref(make(1, other))
    assert watched() is not None
    del other
    gc.collect()
    assert watched() is None
    assert len(made) == 2


def test_what_fails_is_tried_again():
    tried = []

    @keep_with(0)
    def make(owner):
        tried.append(owner)
        raise ValueError

    owner = Thing()
    for _ in range(2):
        with pytest.raises(ValueError):
            make(owner)
    assert len(tried) == 2
