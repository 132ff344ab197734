"""The theories that come with the package."""

import pytest

from mechanisms.errors import SpecError
from mechanisms.spec import shelf as shelf_module
from mechanisms.spec.catalogue import load, names, text_of
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


def test_every_theory_in_the_catalogue_is_read():
    for name in names():
        assert load(name).variables
