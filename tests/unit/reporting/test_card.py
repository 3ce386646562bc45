import json

import pytest

from dysyr.core.errors import DysyrError, FormatError
from dysyr.reporting.metrics_file import read_metrics

KEYS = {
    "kind",
    "value",
    "stderr",
    "truth",
    "floor",
    "ceiling",
    "unit",
    "better",
    "status",
    "n",
    "dt",
    "settings",
}


def test_metrics_have_the_format_of_the_design(card, tmp_path):
    card.save_metrics(tmp_path / "metrics.json")
    content = read_metrics(tmp_path / "metrics.json")
    assert content["format"] == 1
    assert content["verdict"] == "plausible attractor"
    assert content["provenance"]["seed"] == 3
    assert all(KEYS <= set(measure) for measure in content["measures"].values())
    assert content["measures"]["lyapunov_spectrum"]["value"] == [0.9, 0.0, -14.0]


def test_what_is_not_finite_is_null_with_a_status(card):
    measure = card.to_dict()["measures"]["correlation_dimension"]
    assert measure["value"] is None
    assert measure["status"] == "not finite"
    assert json.loads(json.dumps(card.to_dict(), allow_nan=False)) == card.to_dict()


def test_the_text_names_the_verdict_every_rule_and_every_measure(card):
    text = str(card)
    assert text.startswith("SHPLRNN: plausible attractor")
    assert all(line.text in text for line in card.verdict.lines)
    assert all(name.replace("_", " ") in text for name in card.measures)


def test_an_existing_file_survives_a_folder_that_cannot_be_written(card, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("mine")
    with pytest.raises(DysyrError, match="cannot write"):
        card.save_metrics(blocker / "metrics.json")
    assert blocker.read_text() == "mine"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label", 1), ("measures", []), ("measures", {"d_h": 1}), ("measures", {"d_h": {}}), ("why", {}),
        ("verdict", None), ("why", [1]), ("why", [{"text": "a"}]), ("provenance", "a"),
    ],
)  # fmt: skip
def test_a_damaged_metrics_file_is_refused(card, tmp_path, key, value):
    content = card.to_dict()
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert read_metrics(tmp_path / "metrics.json") == content
    for damaged in (content | {key: value}, {name: one for name, one in content.items() if name != key}):
        (tmp_path / "metrics.json").write_text(json.dumps(damaged))
        with pytest.raises(FormatError, match="metrics.json' is (damaged|not a metrics file)"):
            read_metrics(tmp_path / "metrics.json")


@pytest.mark.parametrize("text", ["", "[1, 2", "[]", '{"format": 99, "measures": {}}', '{"format": 1}'])
def test_a_foreign_metrics_file_is_refused(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(FormatError, match=r"metrics\.json"):
        read_metrics(tmp_path / "metrics.json")
