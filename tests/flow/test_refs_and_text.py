"""References, text for terminals, and what the light modules import."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtui.flow.errors import BadReference
from flowtui.flow.refs import Ref, RefKind, parse_ref, parse_refs
from flowtui.text.printable import printable

SERVER = "https://app.flow.bio/api"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("project/12", Ref(RefKind.PROJECT, "12")),
        (" Samples/34/ ", Ref(RefKind.SAMPLE, "34")),
        ("data/657562493133188868", Ref(RefKind.DATA, "657562493133188868")),
        ("execution/456/results/a b.tsv", Ref(RefKind.EXECUTION, "456", "results/a b.tsv")),
        ("https://app.flow.bio/samples/34/", Ref(RefKind.SAMPLE, "34")),
        ("https://api.flow.bio/samples/34?tab=1#x", Ref(RefKind.SAMPLE, "34")),
        ("https://app.flow.bio:443/api/data/7", Ref(RefKind.DATA, "7")),
        ("https://app.flow.bio/executions/4/a%20b.tsv", Ref(RefKind.EXECUTION, "4", "a b.tsv")),
    ],
)
def test_what_names_something(text: str, ref: Ref) -> None:
    assert parse_ref(text, SERVER) == ref
    assert parse_ref(str(ref), SERVER) == ref


@pytest.mark.parametrize(
    "text",
    [
        "https://app.flow.bio/files/downloads/789/reads_R1.fastq.gz",
        "https://app.flow.bio/api/downloads/789/reads_R1.fastq.gz",
        "https://api.flow.bio/downloads/789/reads_R1.fastq.gz",
        "https://files.flow.bio/downloads/789/reads_R1.fastq.gz",
        "https://app.flow.bio/api/downloads/789/a%20b%2Fc.gz?token=eyJhbGciOi&direct=yes",
        "https://app.flow.bio/downloads/789/x.gz#top",
        "downloads/789/reads_R1.fastq.gz",
        "download/789",
    ],
)
def test_download_links_name_data(text: str) -> None:
    assert parse_ref(text, SERVER) == Ref(RefKind.DATA, "789")


@pytest.mark.parametrize("server", ["https://flow.inst.edu/flow/api", "https://flow.inst.edu/api"])
@pytest.mark.parametrize("below", ["", "/api", "/files"])
def test_download_links_of_another_flow(server: str, below: str) -> None:
    link = f"{server.removesuffix('/api')}{below}/downloads/7/x.gz"
    assert parse_ref(link, server) == Ref(RefKind.DATA, "7")


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("project/12", ["project/12"]),
        ("project/12 sample/34\tdata/7", ["project/12", "sample/34", "data/7"]),
        ("project/12, sample/34", ["project/12", "sample/34"]),
        ("execution/4/a b.tsv", ["execution/4/a b.tsv"]),
        ("project/12\r\n\r\n# sample/1\n sample/34 # the liver\n",
         ["project/12", "sample/34"]),
        ("\ufeffproject/12\n", ["project/12"]),
        ("https://app.flow.bio/samples/34/#x https://app.flow.bio/files/downloads/7/x.gz",
         ["sample/34", "data/7"]),
        ("# nothing\n\n", []),
        ("\ufeff# a comment first\r\ndata/7\rdata/8", ["data/7", "data/8"]),
        ("data/7\xa0data/8\n\xa0data/9\xa0\n", ["data/7", "data/8", "data/9"]),
        ("data/7,data/8;sample/9", ["data/7", "data/8", "sample/9"]),
        ('"data/7","data/8"\n\'data/9\',\n', ["data/7", "data/8", "data/9"]),
        ("(data/7) (see data/8, data/9)".replace("see ", ""), ["data/7", "data/8", "data/9"]),
        ("- data/7\n* data/8\n", ["data/7", "data/8"]),
        ("<https://app.flow.bio/samples/34/>, <https://app.flow.bio/data/7>",
         ["sample/34", "data/7"]),
        ("[my reads](https://app.flow.bio/data/7) [b](<https://app.flow.bio/data/8?a=1#b>)",
         ["data/7", "data/8"]),
        ("https://app.flow.bio/files/downloads/7/x.gz?token=a,b&x=(1)#top)", ["data/7"]),
        ("execution/4/STAR (liver)", ["execution/4/STAR (liver)"]),
        ('"execution/4/STAR (liver 1)/x.bam"', ["execution/4/STAR (liver 1)/x.bam"]),
        ("(execution/4/STAR\xa0(liver)/x.bam)", ["execution/4/STAR\xa0(liver)/x.bam"]),
        (",\n\"\"\n()\n", []),
    ],
)  # fmt: skip
def test_several_in_a_text(text: str, refs: list[str]) -> None:
    assert [str(ref) for ref in parse_refs(text, SERVER)] == refs


@pytest.mark.parametrize(
    "text",
    [
        "https://flow.inst.edu/flow/samples/34/",
        "https://flow.inst.edu/flow/api/samples/34",
        "https://flow.inst.edu/samples/34",
        "http://flow.inst.edu:80/flow/samples/34?tab=data",
    ],
)
def test_links_of_a_flow_below_a_path(text: str) -> None:
    ref = parse_ref(text, "https://flow.inst.edu/flow/api")
    assert ref == Ref(RefKind.SAMPLE, "34")


@pytest.mark.parametrize(
    "text",
    ["", "/", "12", "sample", "sample/", "sample//x", "file/3", "sample/..", "sample/34/x",
     "execution/4/../../me", "execution/4/a//b", "data/7\x1b[2J", "data/\u202e7",
     "https://app.flow.bio/", "https://app.flow.bio/samples/%2e%2e",
     "https://evil.example/samples/34", "https://app.flow.bio@evil.example/samples/3",
     "https://app.flow.bio:8443/samples/3", "ftp://app.flow.bio/samples/3", "https://[/samples/3",
     "https://app.flow.bio:99999/samples/3"],
)  # fmt: skip
def test_what_names_nothing_says_how_to(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        parse_ref(text, SERVER)
    assert caught.value.message.isprintable()
    assert "sample/34" in caught.value.message or "--server" in caught.value.message


@example("\xa0/0")
@given(st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    for given_text in (text, f"execution/{text}", f"https://app.flow.bio/samples/{text}"):
        try:
            ref = parse_ref(given_text, SERVER)
        except BadReference as error:
            assert error.message.isprintable()
        else:
            assert ref.id not in ("", ".", "..")
            assert ".." not in (ref.path or "").split("/")


@given(st.text(st.characters(exclude_categories=())))
def test_printable_text_cannot_steer_a_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()
    assert printable(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_plain_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("module", ["flow.refs", "flow.remote_file", "text.printable"])
def test_light_modules_stay_light(module: str) -> None:
    code = (
        f"import flowtui.{module}, sys;print(*{{'httpx', 'keyring', 'tomlkit'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_client_asks_for_no_keyring_at_import() -> None:
    code = "import flowtui.flow.client, sys; print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


GENUINE = (
    "https://app.flow.bio/files/downloads/657562493133188868/x_R1.fastq.gz",
    "https://app.flow.bio/api/downloads/657562493133188868/x_R1.fastq.gz",
    "https://api.flow.bio/downloads/657562493133188868/x_R1.fastq.gz",
    "https://files.flow.bio/downloads/657562493133188868/x_R1.fastq.gz",
)


@pytest.mark.parametrize("server", ["https://app.flow.bio/api", "https://api.flow.bio"])
@pytest.mark.parametrize("around", ["{}", "<{}>", '"{}"', "{},", "({})", "{}?token=x#y", " {}\xa0"])
@pytest.mark.parametrize("link", GENUINE)
def test_the_links_that_people_copy_with_what_is_around_them(link, around, server) -> None:
    text = around.format(link)
    assert parse_refs(text, server) == [Ref(RefKind.DATA, "657562493133188868")]


@pytest.mark.parametrize("text", ["(" * 200_000, "[" * 200_000, '"' * 200_000, "data/" * 50_000])
def test_a_line_of_any_length_is_refused_in_a_few_words(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        parse_refs(text, SERVER)
    assert len(caught.value.message) < 500


def test_ten_thousand_on_one_line() -> None:
    text = ", ".join(f"https://app.flow.bio/data/{n}/" for n in range(10_000))
    assert len(parse_refs(text, SERVER)) == 10_000
