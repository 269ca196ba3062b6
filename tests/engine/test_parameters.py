"""Ids and their parameters: what is read, how it is spelled, what is refused."""

import pytest

from consilience.engine.errors import BadInput
from consilience.engine.parameters import Choice, Number, Parameter, parts, read, spelled

PARAMETERS: dict[str, Parameter] = {
    "kind": Choice(("one", "two")),
    "share": Number(0.5, 0.0, 1.0),
    "count": Number(3, 1, optional=True),
}
ONLY = {"share": ("count", None)}


def canonical(spec):
    name, given = parts("thing", "a:kind=one", spec)
    return spelled(name, read(name, PARAMETERS, ONLY, given))


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        ("a", "a:kind=one,share=0.5"),
        ({"name": "a"}, "a:kind=one,share=0.5"),
        ("a:share=1, kind=two", "a:kind=two,share=1"),
        ({"name": "a", "count": 7}, "a:count=7,kind=one"),
        ("a:count=7.0", None),
        ("a:share=0.99999999", "a:kind=one,share=0.99999999"),
    ],
)
def test_an_id_and_its_canonical_form(spec, want):
    if want is None:
        with pytest.raises(BadInput, match=r"'count' of 'a' as a whole number from 1 .*for instance"):
            canonical(spec)
    else:
        assert canonical(spec) == canonical(want) == want


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("a:kind", "a thing id like 'a:kind=one'.*write 'kind' as param=value"),
        ("a:knid=one", "did you mean 'kind'"),
        ("a:kind=on", "did you mean 'one'"),
        ("a:share=2", "from 0 to 1; got '2'.*the default"),
        ("a:share=nan", "from 0 to 1; got 'nan'"),
        ({"name": "a", "count": float("inf")}, "a whole number"),
        ("a:share=0.1,count=2", "'share' of 'a' without count; got count=2.*take count out"),
    ],
)
def test_what_is_refused(spec, says):
    with pytest.raises(BadInput, match=says):
        canonical(spec)


def test_a_parameter_only_with_a_value_of_another():
    only = {"share": ("kind", "two")}
    assert read("a", PARAMETERS, only, {}) == {"kind": "one"}
    assert read("a", PARAMETERS, only, {"kind": "two"}) == {"kind": "two", "share": 0.5}
    with pytest.raises(BadInput, match=r"'share' of 'a' with kind=two only; got kind=one.*add kind=two"):
        read("a", PARAMETERS, only, {"share": 0.1})
