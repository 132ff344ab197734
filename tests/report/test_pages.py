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
from mechanisms.infer.sampling import fit
from mechanisms.report.files import write_files
from mechanisms.report.listing import align, describe
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
        "<script>", "x", "y", (Effect("<u>", np.ones((2, 100)), "<u>"),), "<u>", "<u>", "<u>", ("<u>",), ("<u>",)
    )
    html = page(hostile, [decompose(hostile, "x", "y"), odd], diagnose(hostile))
    found = collected(html)
    assert {"script", "b", "i", "u"} & {*found.tags} == set()
    assert "&lt;script&gt;" in html
    assert all(value.startswith("data:") for _, _, value in found.links), "a link of another kind is text, not a link"


def test_a_fit_not_to_be_believed_says_so(hostile):
    html = page(hostile, decompose(hostile, "x", "y"), diagnose(hostile))
    assert not diagnose(hostile).ok
    assert "Do not believe it yet" in html


def test_files(small_fit, small_effects, small_diagnosis, tmp_path):
    files = write_files(small_fit, [small_effects], small_diagnosis, tmp_path / "new")
    assert [file.name for file in files] == ["forest.png", "diagram.png", "page.html", "effects.csv"]
    table = pd.read_csv(files[-1], index_col="effect")
    assert table["mean"].to_dict() == pytest.approx(small_effects.summary()["mean"].to_dict())
    assert set(table["contrast"]) == {small_effects.contrast}


def test_several_answers_have_a_forest_each(small_fit, small_effects, small_diagnosis, tmp_path):
    files = write_files(small_fit, [small_effects, small_effects], small_diagnosis, tmp_path)
    assert [file.name for file in files][:2] == ["forest-1.png", "forest-2.png"]
    assert all(file.exists() for file in files)


def test_description_holds_the_reasons(small_fit):
    text = describe(small_fit.plan.theory)
    assert "Author (2000)" in text
    assert re.search(r"x -> m +The first reason", text)
    assert "moderated by w" in text and "quadratic" in text


def test_align_leaves_out_empty_columns():
    assert align([("a", "", "x"), ("bb", "", "")]) == ["  a   x", "  bb"]
