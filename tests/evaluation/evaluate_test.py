"""Scores, means, standard errors and the written report, with functions that play the model.

By hand: the pairs are flat images. A model that is off by 51 levels everywhere scores
10 log10(25) = 13.9794 dB; one that returns the truth is capped at 100 dB.
"""

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from tfdeblur.data.pairs import PairError, PairFile
from tfdeblur.evaluation.evaluate import (
    ImageScores,
    evaluate,
    format_means,
    format_summary,
    make_baseline,
    paired_gain,
    score_pairs,
)
from tfdeblur.evaluation.protocols import Protocol, make_protocol
from tfdeblur.images.resize import resize_bicubic

FIVE_TIMES_FINER = 10 * math.log10(25)  # dB


def _flat_pair(name, level, offset=51, scale=4, size=4):
    """The degraded image lies `offset` levels above a flat truth, and so does its enlargement."""
    degraded = np.full((size, size + 1, 3), level + offset, np.uint8)
    target = np.full((scale * size, scale * (size + 1), 3), level, np.uint8)
    return name, degraded, target


def _perfect(degraded):
    return np.kron(degraded, np.ones((4, 4, 1), np.uint8)) - np.uint8(51)


def _enlarge(degraded):
    return np.kron(degraded, np.ones((4, 4, 1), np.uint8))


def test_baseline_is_bicubic_or_the_input():
    rng = np.random.default_rng(0)
    degraded = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    expected = np.clip(np.rint(resize_bicubic(degraded, (20, 28))), 0, 255)
    assert np.abs(make_baseline(degraded, 4) - expected).max() <= 1  # float32 ties
    assert np.mean(make_baseline(degraded, 4) == expected) > 0.99
    assert make_baseline(degraded, 1) is degraded


def test_summary_by_hand():
    pairs = [_flat_pair("a", 100), _flat_pair("b", 50), _flat_pair("c", 10, offset=0)]
    summary = evaluate(_enlarge, pairs, 4)
    mean = (2 * FIVE_TIMES_FINER + 100.0) / 3  # The third is exact: capped.
    assert summary["baseline"]["psnr"] == pytest.approx(mean)
    assert summary["restored"] == summary["baseline"]
    assert summary["gain"]["psnr"] == {"mean": 0.0, "standard_error": 0.0}
    assert (summary["count"], summary["scale"], summary["protocol"]) == (3, 4, "rgb")
    assert summary["baseline_method"] == "bicubic" and summary["failed"] == {}
    # Levels 100 and 50 count all 16 * 20 pixels of their dark channel, level 10 none.
    assert summary["dcr_count"] == 2
    assert summary["baseline"]["dcr"] == pytest.approx(1.0)
    assert summary["baseline"]["dcr_pooled"] == 1.0


def test_gain_and_its_standard_error():
    pairs = [_flat_pair("a", 100), _flat_pair("b", 50)]
    summary = evaluate(_perfect, pairs, 4, make_protocol("rgb"))
    assert summary["restored"]["psnr"] == 100.0 and summary["restored"]["ssim"] == 1.0
    assert summary["gain"]["psnr"]["mean"] == pytest.approx(100 - FIVE_TIMES_FINER)
    gain = paired_gain([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert gain.mean == 2.0 and gain.count == 3
    assert gain.standard_error == pytest.approx(1 / math.sqrt(3))
    assert paired_gain([1.0], [3.0]).standard_error is None
    with pytest.raises(ValueError, match="Got: 1 and 2"):
        paired_gain([1.0], [1.0, 2.0])


def test_scale_one_compares_with_the_input():
    name, degraded, target = _flat_pair("a", 100, scale=1, size=12)
    summary = evaluate(lambda image: image - np.uint8(51), [(name, degraded, target)], 1)
    assert summary["baseline_method"] == "input"
    assert summary["baseline"]["psnr"] == pytest.approx(FIVE_TIMES_FINER)
    assert summary["restored"]["psnr"] == 100.0


def test_undefined_dark_channel_ratio_is_null():
    summary = evaluate(_enlarge, [_flat_pair("night", 0, offset=0)], 4)
    assert summary["dcr_count"] == 0
    assert summary["baseline"]["dcr"] is None and summary["baseline"]["dcr_pooled"] is None
    assert "dcr" not in format_summary(summary)


@pytest.fixture
def files(tmp_path):
    """Eight pairs on disk of which two are broken: one unreadable, one of another scale."""
    pairs = []
    for index in range(8):
        name, degraded, target = _flat_pair(f"page_{index}", 20 * index, offset=7 * index + 1)
        if index == 5:
            target = target[:-1]
        paths = tmp_path / f"lr_{index}.png", tmp_path / f"hr_{index}.png"
        Image.fromarray(degraded).save(paths[0])
        Image.fromarray(target).save(paths[1])
        pairs.append(PairFile(name, *paths))
    pairs[2].degraded.write_bytes(b"broken")
    return pairs


def test_broken_pairs_are_reported_and_the_others_go_on(files):
    scores = score_pairs(_enlarge, files, 4, make_protocol())
    assert [image.id for image in scores.images] == [f"page_{i}" for i in (0, 1, 3, 4, 6, 7)]
    assert set(scores.failed) == {"page_2", "page_5"}
    assert "lr_2.png" in scores.failed["page_2"]
    assert "must be 16x20 px" in scores.failed["page_5"]


def test_report_files(files, tmp_path):
    output = tmp_path / "deep" / "report"
    pairs = [*files, _flat_pair("in_memory", 80)]
    protocol = Protocol("y_two", colour="y", crop_border=2)
    summary = evaluate(_enlarge, iter(pairs), 4, protocol, output, context={"model": "fake"})
    assert sorted(path.name for path in output.iterdir()) == [
        "grid.png", "per_image.csv", "summary.json",
    ]  # fmt: skip

    def refuse(constant):
        raise AssertionError(constant)

    written = json.loads((output / "summary.json").read_text(), parse_constant=refuse)
    assert written == summary
    assert written["model"] == "fake" and written["count"] == 7
    assert written["protocol"] == "y_two" and "2 px cropped" in written["protocol_description"]
    assert set(written["failed"]) == {"page_2", "page_5"}


def test_output_that_cannot_be_made_fails_before_anything_is_scored(tmp_path):
    (tmp_path / "report").write_text("a file where the folder should be")

    def restore(image):
        raise AssertionError("scored")

    with pytest.raises(FileExistsError):
        evaluate(restore, [_flat_pair("a", 80)], 4, output=tmp_path / "report")


def test_table_has_a_line_per_image(files, tmp_path):
    summary = evaluate(_enlarge, files, 4, output=tmp_path / "report")
    with (tmp_path / "report" / "per_image.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["id"] for line in lines] == [f"page_{i}" for i in (0, 1, 3, 4, 6, 7)]
    assert (lines[0]["height"], lines[0]["width"]) == ("16", "20")
    mean = np.mean([float(line["psnr"]) for line in lines])
    assert mean == pytest.approx(summary["restored"]["psnr"])
    assert lines[0]["dcr"] == "" and float(lines[-1]["dcr"]) == pytest.approx(1.0)
    assert {"baseline_psnr", "baseline_ssim", "ssim", "baseline_dcr"} <= set(lines[0])


def test_grid_shows_worst_median_and_best(files, tmp_path):
    """Nine pairs whose gain grows with their level: rows 0, 1 | 3, 4 | 7, 8, worst first."""
    pairs = [_flat_pair(f"p{i}", 10 * i, offset=40) for i in range(9)]
    shown = []

    def improve(degraded):
        level = int(degraded[0, 0, 0]) - 40
        shown.append(level // 10)
        return _enlarge(degraded) - np.uint8(level // 10 + 1)

    evaluate(improve, pairs, 4, output=tmp_path)
    assert shown == [*range(9), 0, 1, 3, 4, 7, 8]  # Restored again, for the grid.
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert grid.shape[0] > 6 * 128 and grid.ndim == 3  # Six rows of 16 px, enlarged eightfold.
    # Baseline, restored and truth of the worst: levels 40, 39 and 0.
    step = (grid.shape[1] - 8) // 3
    assert [int(grid[20, 20 + column * step, 0]) for column in range(3)] == [40, 39, 0]


def test_terminal_lines(files):
    text = format_summary(evaluate(_enlarge, files, 4))
    assert "bicubic" in text and "restored" in text and "standard error 0.00" in text
    assert "6 image(s), x4; protocol `rgb`: RGB, no crop, 8-bit" in text
    assert text.count("FAILED") == 2 and "lr_2.png" in text


def test_model_of_another_size_is_an_error():
    with pytest.raises(ValueError, match=r"'a': the model must return \(16, 20, 3\) uint8"):
        evaluate(lambda image: image, [_flat_pair("a", 9)], 4)


def test_nothing_to_evaluate(files):
    with pytest.raises(PairError, match="no pair could be evaluated:\n  there is none"):
        evaluate(_enlarge, [], 4)
    with pytest.raises(PairError, match="lr_2.png"):
        evaluate(_enlarge, [files[2]], 4)
    with pytest.raises(PairError, match="'tiny': under protocol `rgb` .* at least 11 px"):
        evaluate(_enlarge, [_flat_pair("tiny", 9, size=2)], 4)


def test_scores_keep_the_counts():
    scores = ImageScores("a", 1, 2, 3.0, 0.1, 4.0, 0.2, baseline_dark=6, dark=2, target_dark=4)
    assert scores.baseline_dcr == pytest.approx(1.5) and scores.dcr == pytest.approx(0.5)


def test_means_in_one_line():
    summary = {
        "baseline_method": "bicubic",
        "baseline": {"psnr": 14.456, "ssim": 0.5},
        "restored": {"psnr": 20.1, "ssim": 0.87654},
        "count": 3,
    }
    line = "PSNR 20.10 dB (bicubic 14.46), SSIM 0.8765 (bicubic 0.5000), 3 images"
    assert format_means(summary) == line
