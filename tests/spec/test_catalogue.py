"""The theories that come with the package."""

import dataclasses

import networkx as nx
import pytest

from mechanisms.errors import SpecError
from mechanisms.spec import shelf as shelf_module
from mechanisms.spec.library import DESIGNS, catalogue, load, names, text_of
from mechanisms.spec.reader import parse


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    (tmp_path / "models" / "parameters").mkdir(parents=True)
    (tmp_path / "models" / "jobs.yaml").write_text("name: jobs\narrows: [treat -> job_seek -> depress2]")
    (tmp_path / "models" / "_skeleton.yaml").write_text("name: nothing")
    (tmp_path / "models" / "parameters" / "jobs.yaml").write_text("treat -> job_seek: 1")
    monkeypatch.setattr(shelf_module, "files", lambda package: tmp_path)
    return tmp_path


def test_names_and_load(shelf):
    assert names() == ("jobs",)
    assert load("jobs") == parse(text_of("jobs"))
    assert load(str(shelf / "models" / "jobs.yaml")) == load(shelf / "models" / "jobs.yaml") == load("jobs")
    assert load("jobs").place.file == "jobs.yaml"


@pytest.mark.parametrize("name", ["job", "_skeleton", "parameters", "", "../jobs", "none.yaml"])
def test_unknown(shelf, name):
    with pytest.raises(SpecError):
        load(name)
    if name == "job":
        with pytest.raises(SpecError, match=r"there is no theory 'job'\. Did you mean 'jobs'\? There are jobs\."):
            load(name)


@pytest.mark.parametrize("wrong", [5, None, nx.DiGraph([("x", "y")])])
def test_load_takes_names_and_files(wrong):
    with pytest.raises(SpecError, match="takes a name or a file, not a"):
        load(wrong)


ON_THE_SHELF = {
    "trial": "title: A <trial>\nsource: Author (2001)\nvariables:\n  arm: {means: Therapy or waiting list, assigned: randomised, family: bernoulli}\n"
    "  alliance: {means: Bond}\n  relapse: {means: Symptoms are back, family: bernoulli}\n  age:\n"
    "arrows:\n  arm -> alliance -> relapse: {moderated_by: age}",
    "diary": "title: Days\nlevels: {day: {in: [client, week]}, client: , week: }\ntime: day\nvariables:\n"
    "  mood: {measured_by: [m1..m3]}\n  working_alliance:\narrows:\n  working_alliance(t-1) -> mood: {shape: quadratic}\n  mood(t-1) <-> mood:",
    "teams": "levels: {client: {shared_by: team, only_when: {arm: 1}}, team: }\nvariables: {arm: {level: team, family: bernoulli}, x: , y: {family: poisson}}\n"
    "arrows: [arm -> x -> y]",
}  # fmt: skip
ASKED = [  # what is asked, and which theories answer
    ({}, ("diary", "jobs", "teams", "trial")),
    ({"name": "t"}, ("teams", "trial")),
    ({"construct": "alliance"}, ("diary", "trial")),
    ({"construct": "Working Alliance"}, ("diary",)),
    ({"construct": "symptoms"}, ("trial",)),
    ({"design": "randomised"}, ("trial",)),
    ({"design": "cross-sectional"}, ("jobs", "teams", "trial")),
    ({"design": "longitudinal"}, ("diary",)),
    ({"design": "multilevel"}, ("diary", "teams")),
    ({"design": "crossed"}, ("diary",)),
    ({"design": "multiple membership"}, ("teams",)),
    ({"design": "partially nested"}, ("teams",)),
    ({"design": "latent"}, ("diary",)),
    ({"design": "moderated"}, ("trial",)),
    ({"design": "curved"}, ("diary",)),
    ({"design": "hidden causes"}, ("diary",)),
    ({"design": "Bernoulli"}, ("teams", "trial")),
    ({"design": ("multilevel", "poisson")}, ("teams",)),
    ({"design": ()}, ("diary", "jobs", "teams", "trial")),
    ({"construct": "alliance", "design": "longitudinal"}, ("diary",)),
    ({"name": "trial", "design": "latent"}, ()),
]


@pytest.fixture
def filled(shelf):
    for name, text in ON_THE_SHELF.items():
        (shelf / "models" / f"{name}.yaml").write_text(text)
    return shelf


@pytest.mark.parametrize(("asked", "answer"), ASKED)
def test_catalogue_is_filtered(filled, asked, answer):
    assert catalogue(**asked).names == answer
    assert len(catalogue(**asked)) == len(answer)


def test_every_word_of_design_is_tried():
    said = {word for asked, _ in ASKED for word in ([asked["design"]] if isinstance(asked.get("design"), str) else [])}
    assert set(DESIGNS) < said


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "tiral"}, "name: no theory of the catalogue has 'tiral'. Did you mean 'trial'?"),
        ({"construct": "aliance"}, "construct: no theory of the catalogue has 'aliance'. Did you mean 'alliance'?"),
        (
            {"design": "longitudnal"},
            "design: no theory of the catalogue has 'longitudnal'. Did you mean 'longitudinal'?",
        ),
        ({"design": "crosed"}, "Did you mean 'crossed'?"),
        ({"design": "zzz"}, "There are cross-sectional, longitudinal, multilevel, crossed"),
        ({"design": ("latent", "berouli")}, "Did you mean 'bernoulli'?"),
        ({"construct": " "}, "construct: a word is wanted, not ' '"),
        ({"design": 3}, "design: a word, or several, is wanted, not 3"),
    ],
)
def test_unknown_words_are_refused(filled, asked, message):
    with pytest.raises(SpecError) as refused:
        catalogue(**asked)
    assert message in refused.value.message


def test_a_known_design_that_nothing_has_is_an_empty_table(shelf):
    assert catalogue(design="crossed").names == ()
    assert repr(catalogue(design="crossed")) == repr(catalogue(design=" Crossed")) == "0 theories"


def test_an_entry_says_what_the_file_says(filled):
    (trial,) = catalogue(name="trial")
    assert (trial.title, trial.citation, trial.file) == ("A <trial>", "Author (2001)", "trial.yaml")
    assert trial.constructs == (
        ("arm", "Therapy or waiting list"), ("alliance", "Bond"), ("relapse", "Symptoms are back"), ("age", ""),
    )  # fmt: skip
    assert trial.design == ("cross-sectional", "randomised", "moderated")
    assert trial.families == ("bernoulli", "normal") and trial.randomised
    (diary,) = catalogue(name="diary")
    assert diary.levels == ("day", "client", "week") and diary.time == ("day",) and not diary.randomised
    assert [name for name, _ in diary.constructs] == ["mood", "working_alliance"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.name = "other"


def test_it_shows_itself(filled):
    found = catalogue(name="trial")
    assert repr(found) == (
        "1 theory\ntrial  A <trial>\n       Author (2001)\n       cross-sectional, randomised, moderated; bernoulli, normal\n"
        "       arm, alliance, relapse, age"
    )
    assert "longitudinal (day), multilevel (day, client, week), crossed, latent" in repr(catalogue(name="diary"))
    html = found._repr_html_()
    assert "<td>A &lt;trial&gt;</td>" in html and html.count("<tr>") == 2


def test_every_theory_in_the_catalogue_is_read():
    for name in names():
        assert load(name).variables
