"""A page holds every number, asks for nothing from elsewhere and runs nothing."""

import base64
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mechanisms.effects.decomposition import decompose
from mechanisms.effects.diagnosis import diagnose
from mechanisms.effects.effects import Effect, Effects
from mechanisms.errors import MechanismsError
from mechanisms.infer.sampling import fit
from mechanisms.report.files import write_files
from mechanisms.report.listing import align, describe
from mechanisms.report.numbers import count
from mechanisms.report.pages import page
from mechanisms.spec.reader import parse


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [(tag, key, value) for key, value in attrs if key in ("src", "href", "srcset", "action", "data")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html(small_fit, small_effects, small_diagnosis):
    return page(small_fit, small_effects, small_diagnosis)


def collected(html):
    collector = Collector()
    collector.feed(html)
    assert not collector.open
    return collector


def test_every_number_of_the_table_is_there(html, small_effects):
    for label, row in small_effects.summary().iterrows():
        match = re.search(rf"<td>{re.escape(label.replace('>', '&gt;'))}</td>(.*?)</tr>", html)
        cells = [float(cell) for cell in re.findall(r'<td class="number">(.*?)</td>', match[1])]
        assert cells == pytest.approx(row.to_list(), abs=0.006 * row["sd"] + 5e-4)


def test_page_is_self_contained(html):
    found = collected(html)
    assert {tag for tag in found.tags if tag in ("script", "link", "iframe", "object")} == set()
    assert [value for tag, _, value in found.links if tag == "a"] == ["https://doi.org/10.1000/182"]
    assert all(value.startswith("data:image/svg+xml;base64,") for tag, _, value in found.links if tag == "img")
    assert "url(" not in html and "@import" not in html
    for picture in re.findall(r"base64,([\w+/=]+)", html):
        assert b"<svg" in base64.b64decode(picture)


def test_page_says_what_was_claimed_and_what_was_assumed(html, small_effects, small_fit):
    text = unescape(html)
    said = ["The first reason", "Treatment", "Author (2000)", "Earlier trials", small_effects.contrast]
    said += [small_effects.population, small_effects.scale, *small_effects.assumptions, *small_fit.plan.parameters]
    said += [str(equation) for equation in small_fit.plan.equations]
    said += [block.reason for block in small_fit.blocks] + ["seed 1", "numpy"]
    assert [each for each in said if each not in text] == []


@pytest.fixture
def hostile():
    theory = parse("""
title: <script>alert(1)</script>
because: "</style><img src=http://evil.example/x.png>"
source: {text: '"><script>', url: 'javascript:alert(1)'}
variables: {x: {means: <b>bold</b>}, y: }
arrows: {x -> y: {because: "a & b <i>"}}
""")
    rng = np.random.default_rng(0)
    return fit(theory, pd.DataFrame(rng.normal(size=(50, 2)), columns=["x", "y"]), seed=1, draws=100)


def test_everything_is_escaped(hostile):
    odd = Effects(
        "<script>",
        "x",
        "y",
        (Effect("<u>", np.ones((2, 100)), "<u>", "<u>", "<u>"),),
        "<u>",
        "<u>",
        "<u>",
        ("<u>",),
        ("<u>",),
    )
    html = page(hostile, [decompose(hostile, "x", "y"), odd], diagnose(hostile))
    found = collected(html)
    assert {"script", "b", "i", "u"} & {*found.tags} == set()
    assert "&lt;script&gt;" in html
    assert all(value.startswith("data:") for _, _, value in found.links), "a link of another kind is text, not a link"


def test_a_fit_not_to_be_believed_says_so(hostile):
    html = page(hostile, decompose(hostile, "x", "y"), diagnose(hostile))
    assert not diagnose(hostile).ok
    assert "Do not trust the computation yet" in html
    assert "This is about the sampler, not about the theory." in html


def test_a_good_fit_is_said_to_be_computed_well_not_to_be_true(html):
    assert "<strong>The computation can be trusted.</strong>" in html
    assert "This is about the sampler, not about the theory." in html
    assert "300 rows, 4 chains × 500 draws" in html
    assert count(1, "chain") == "1 chain"


def test_a_page_answers_the_theorys_own_questions_by_default(small_fit):
    html = page(small_fit)
    assert "Effects of x on y" in html
    assert "The computation can be trusted" in html


def test_wide_tables_scroll(html):
    assert html.count('<div class="wide"><table>') == html.count("<table>")
    assert "overflow-x: auto" in html


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda fit, effects, diagnosis: page(effects), "the fit of a page should be a Fit, not Effects"),
        (
            lambda fit, effects, diagnosis: page(fit, [effects, fit]),
            "each of a page's effects should be Effects, not a Fit",
        ),
        (
            lambda fit, effects, diagnosis: page(fit, diagnosis),
            "a page's effects should be a Sequence, not a Diagnosis",
        ),
        (lambda fit, effects, diagnosis: page(fit, effects, effects), "a page's diagnosis should be a Diagnosis"),
    ],
)
def test_a_page_of_something_else_is_refused(small_fit, small_effects, small_diagnosis, make, words):
    with pytest.raises(MechanismsError, match=re.escape(words)):
        make(small_fit, small_effects, small_diagnosis)


def test_files(small_fit, small_effects, small_diagnosis, tmp_path):
    files = write_files(small_fit, [small_effects], small_diagnosis, tmp_path / "new")
    assert [file.name for file in files] == ["forest.png", "diagram.png", "page.html", "effects.csv"]
    table = pd.read_csv(files[-1], index_col="effect")
    assert table["mean"].to_dict() == pytest.approx(small_effects.summary()["mean"].to_dict())
    assert set(table["contrast"]) == {small_effects.contrast}


def test_each_row_of_the_table_states_its_own_contrast_and_population(small_fit, small_diagnosis, tmp_path):
    effects = decompose(small_fit, "x", "y", at={"w": ["-1 sd", "+1 sd"]})
    *_, file = write_files(small_fit, [effects], small_diagnosis, tmp_path)
    table = pd.read_csv(file, index_col="effect")
    low, high = (label for label in table.index if label.startswith("total [") and "−" not in label)
    assert table["population"][low] != table["population"][high]
    assert table["population"].to_dict() == {row.label: row.population for row in effects.rows}
    assert table["contrast"].to_dict() == {row.label: row.contrast for row in effects.rows}
    assert effects.population not in set(table["population"])


def test_several_answers_have_a_forest_each(small_fit, small_effects, small_diagnosis, tmp_path):
    files = write_files(small_fit, [small_effects, small_effects], small_diagnosis, tmp_path)
    assert [file.name for file in files][:2] == ["forest-1.png", "forest-2.png"]
    assert all(file.exists() for file in files)


def test_description_holds_the_reasons(small_fit):
    text = describe(small_fit.plan.theory)
    assert "Author (2000)" in text
    assert re.search(r"x -> m +The first reason", text)
    assert "moderated by w" in text and "quadratic" in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("{measured_by: []}", "not measured"),
        ("{unit: points, range: [0, 4]}", "from 0 to 4; in points"),
        ("{unit: points from 1 to 5, range: [1, 5]}", "in points from 1 to 5"),
        ("{family: categorical, values: [a, b, c]}", "categorical; values a, b, c"),
        ("{family: binomial, out_of: 90}", "binomial; out of 90"),
        ("{is: x - y, unit: mmHg}", "is x - y; in mmHg"),
    ],
)
def test_variables_are_described(said, shown):
    text = describe(parse(f"variables: {{x: , y: , v: {said}}}\narrows: [x -> y]"))
    assert next(line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("  v ")) == shown


def test_levels_are_described():
    text = describe(
        parse("""
levels: {session: {in: client}, client: {means: Who is treated}}
time: session
variables: {x: {level: session}, y: }
arrows: {x(t-1) -> y: {varies_by: client}}
""")
    )
    assert re.search(r"session +in client", text)
    assert re.search(r"time +session", text)
    assert "varies by client" in text
    assert "Who is treated" in text


def test_align_leaves_out_empty_columns():
    assert align([("a", "", "x"), ("bb", "", "")]) == ["  a   x", "  bb"]
