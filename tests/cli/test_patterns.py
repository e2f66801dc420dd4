"""Patterns for paths: what they mean, and that they mean it in bounded time."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowtui.cli.patterns import LONGEST, BadPattern, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("*.bam", ["a.bam", "x/a.bam", ".bam"], ["a.bam/x", "a.BAM", "a.bam.bai"]),
        ("results", ["results", "x/results"], ["results/a"]),
        ("results/", ["results/a", "x/results/a/b"], ["results", "myresults/a"]),
        ("results/*", ["results/a", "x/results/a"], ["results/a/b", "xresults/a"]),
        ("results/**", ["results/a", "x/results/a/b"], ["results"]),
        ("/results/*", ["results/a"], ["x/results/a", "results/a/b"]),
        ("/a.bam", ["a.bam"], ["x/a.bam"]),
        ("/p/**/c", ["p/c", "p/a/c", "p/a/b/c"], ["p/xc", "q/c", "c"]),
        ("**/c", ["c", "a/c", "a/b/c"], ["xc"]),
        ("a**b", ["ab", "axb"], ["ab/c"]),
        ("x/a**b", ["x/ab", "x/a/q/b", "y/x/aqb"], ["x/a/b/c"]),
        ("{a,b}.tsv", ["a.tsv", "q/b.tsv"], ["c.tsv", "ab.tsv"]),
        ("x{,.gz}", ["x", "x.gz"], ["x.g"]),
        ("{a,{b,c}*}", ["a", "b", "cxx"], ["ax"]),
        ("{results,qc}/", ["results/a", "z/qc/a"], ["a/b"]),
        ("[^a-c]1", ["d1"], ["a1", "/1", "1"]),
        ("[!a]", ["b"], ["a"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("?", ["a", "x/a"], ["ab"]),
        (r"\*[\]]\{", ["*]{"], ["a]{"]),
        ("a,b}", ["a,b}"], []),
    ],
)
def test_meaning(pattern: str, fitting: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [path for path in fitting if not compiled.fits(path)] == []
    assert [path for path in others if compiled.fits(path)] == []


@pytest.mark.parametrize("pattern", ["*É*", "été.[À-Ü]"])
def test_names_fit_in_whichever_form_they_are_written(pattern: str) -> None:
    for form in ("NFC", "NFD"):
        compiled = compile_pattern(unicodedata.normalize(form, pattern))
        for other in ("NFC", "NFD"):
            name = "xÉy" if "*" in pattern else "été.É"
            name = name if "*" in pattern else "été.Ä"
            assert compiled.fits(unicodedata.normalize(other, name))


def test_case_is_ignored_where_that_is_asked_for() -> None:
    assert compile_pattern("*.[B]am", ignore_case=True).fits("A.BAM")
    assert compile_pattern("STRASSE", ignore_case=True).fits("straße")
    assert not compile_pattern("*.bam").fits("A.BAM")


@pytest.mark.parametrize(
    "pattern", ["", "/", "[a", "{a,b", "a\\", "{" * 9 + "}" * 9, "x" * (LONGEST + 1), "{a,[}"]
)
def test_what_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 500, "{a,a*}" * 150 + "b", "**/" * 300 + "b", "{,a}" * 250, "x/" + "**a" * 300],
    ids=["stars", "braces", "folders", "options", "deep stars"],
)
def test_no_pattern_and_no_path_takes_more_than_linear_time(pattern: str) -> None:
    """By backtracking each of these would take longer than the universe has."""
    compiled = compile_pattern(pattern)
    for path in ("a" * 2000 + "!", "a/" * 1000 + "!", "x/" + "a" * 2000 + "!"):
        assert not compiled.fits(path)


# The slow reference: all that a pattern can stand for is tried, one after the other.


def reference(pattern: str, path: str) -> bool:
    if "/" not in pattern:
        return bool(tried(pattern, path.rpartition("/")[2]))
    pattern += "**" if pattern.endswith("/") else ""
    if pattern.startswith("/"):
        return tried(pattern.lstrip("/"), path)
    ends = [path] + [path[at + 1 :] for at, sign in enumerate(path) if sign == "/"]
    return any(tried(pattern, end) for end in ends)


def tried(pattern: str, text: str, before: str = "/") -> bool:
    if not pattern:
        return not text
    if pattern[0] == "{":
        end = pattern.index("}")
        return any(
            tried(way + pattern[end + 1 :], text, before) for way in pattern[1:end].split(",")
        )
    if pattern.startswith("**/") and before == "/":
        rests = [text] + [text[at + 1 :] for at, sign in enumerate(text) if sign == "/"]
        return any(tried(pattern[3:], rest, "/") for rest in rests)
    if pattern.startswith("**"):
        return any(tried(pattern[2:], text[at:], "*") for at in range(len(text) + 1))
    if pattern[0] == "*":
        most = len(text.partition("/")[0])
        return any(tried(pattern[1:], text[at:], "*") for at in range(most + 1))
    if not text:
        return False
    fits = text[0] != "/" if pattern[0] == "?" else text[0] == pattern[0]
    return fits and tried(pattern[1:], text[1:], pattern[0])


PIECES = ["a", "b", "/", "*", "**", "**/", "?"]
PLAIN = st.lists(st.sampled_from([*PIECES, "{a,b}", "{ab,b?}"]), min_size=1, max_size=7)


@given(PLAIN.map("".join), st.text("ab/", min_size=1, max_size=9))
@example("**/**/a", "a")
@settings(max_examples=500, deadline=None)
def test_it_means_what_the_slow_reference_says(pattern: str, path: str) -> None:
    if "***" in pattern or not pattern.strip("/"):
        return  # three stars are two
    path = path.strip("/").replace("//", "/")
    assert compile_pattern(pattern).fits(path) == reference(pattern, path)
