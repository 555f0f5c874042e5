"""Every finding is planted in a tiny folder and found; a clean set has none."""

import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageCms
from planted_pairs import SIDE, blurred, texture, write_pair

from tfdeblur.data.check.doctor import check, examine
from tfdeblur.data.check.examined import open_source
from tfdeblur.data.check.findings import FILES_SHOWN, Finding, Report
from tfdeblur.data.pairs import PairError
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.files import write_image


def _one(report, kind):
    """Return the only finding of a report, which is of this kind."""
    assert [finding.kind for finding in report.findings] == [kind], report.text()
    return report.findings[0]


def test_clean_pairs_have_no_findings(clean):
    report = examine(clean)
    assert report.findings == [] and not report.failed
    assert list(report.counts.values()) == [4, 4, 0, 0, 4, 0, 0, 0]
    assert "0 findings" in report.text() and "4 pairs examined" in report.text()


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((32, 32), "3 (32x32 px and 96x96 px)"),
        ((48, 32), "2 in height, 3 in width (32x48 px and 96x96 px)"),
        ((95, 96), "1.011 in height, 1 in width (96x95 px and 96x96 px)"),
    ],
)
def test_wrong_scale(clean, shape, got):
    target = texture(9)
    degraded = cv2.resize(target, shape[::-1], interpolation=cv2.INTER_AREA)
    write_pair(clean, "9.png", 9, degraded=degraded)
    report = examine(clean)
    [finding] = [finding for finding in report.findings if finding.kind == "scale"]
    assert finding.severity == "error"
    assert finding.files == ("blurry/9.png", "sharp/9.png")
    assert finding.rule == "The scale must be 1, that of 4 of 5 pairs."
    assert finding.got == got


def test_scale_that_is_asked_for(clean):
    report = examine(clean, scale=2)
    assert [finding.kind for finding in report.findings] == 4 * ["scale"]
    assert report.findings[0].rule == "The scale must be 2, as asked for."
    assert report.findings[0].got == "1 (96x96 px and 96x96 px)"


def test_shiftedwrite_pair(clean):
    big = texture(9, SIDE + 16)
    write_pair(clean, "9.png", 9, blurred(big)[3:99, 10:106], big[8:104, 8:104])
    finding = _one(examine(clean), "misaligned")
    assert finding.severity == "error"
    assert finding.files == ("blurry/9.png", "sharp/9.png")
    left, down = re.match(r"(\S+) px left, (\S+) px down \(\+-", finding.got).groups()
    assert float(left) == pytest.approx(2, abs=0.3)
    assert float(down) == pytest.approx(5, abs=0.3)


def test_off_centre_blur_is_a_warning(clean):
    target = texture(9, SIDE + 40)
    psf = np.zeros((1, 21), np.float32)
    psf[0, :21:2] = np.linspace(0.2, 1, 11)  # Its mean lies 3 px to the right.
    moved = cv2.filter2D(target, -1, (psf / psf.sum())[:, ::-1])
    inner = slice(20, 20 + SIDE)
    write_pair(clean, "9.png", 9, moved[inner, inner], target[inner, inner])
    report = examine(clean)
    finding = _one(report, "misaligned")
    assert finding.severity == "warning" and not report.failed
    assert "px right" in finding.got and "a blur kernel that is off centre" in finding.got


def test_corrupt_files(clean):
    whole = (clean / "blurry" / "1.png").read_bytes()
    (clean / "blurry" / "1.png").write_bytes(whole[: len(whole) // 2])
    (clean / "sharp" / "1.png").write_bytes(b"")
    report = examine(clean)
    assert [finding.kind for finding in report.findings] == 2 * ["unreadable"]
    assert [finding.files for finding in report.findings] == [("blurry/1.png",), ("sharp/1.png",)]
    assert "damaged" in report.findings[0].got and "0 bytes" in report.findings[1].got
    assert report.counts["pairs not examined because a file cannot be read"] == 1
    assert report.counts["pairs examined"] == 3


def test_duplicates(clean):
    write_pair(clean, "again.png", 2)
    finding = _one(examine(clean), "duplicate")
    assert finding.severity == "warning"
    assert finding.files == ("sharp/2.png", "sharp/again.png")
    assert finding.got == "2 exact duplicates"

    write_pair(clean, "again.png", 2, degraded=cv2.GaussianBlur(texture(2), (0, 0), 2.5))
    finding = _one(examine(clean), "duplicate")
    assert finding.severity == "note"
    assert finding.got == "2 exact duplicates, each degraded in another way"


def test_near_duplicates(clean):
    write_pair(clean, "again.png", 2, target=cv2.GaussianBlur(texture(2), (0, 0), 0.6))
    finding = _one(examine(clean), "near_duplicate")
    assert finding.severity == "note"
    assert finding.files == ("sharp/2.png", "sharp/again.png")
    assert re.fullmatch(r"2 near-duplicates, distance \d of 64", finding.got)


def test_leakage(tmp_path):
    for number in range(3):
        write_pair(tmp_path / "train", f"{number}.png", number)
        write_pair(tmp_path / "test", f"{number}.png", 10 + number)
    assert examine(tmp_path).findings == []
    write_pair(tmp_path / "test", "copy.png", 1, degraded=cv2.GaussianBlur(texture(1), (0, 0), 2))
    finding = _one(examine(tmp_path), "leakage")
    assert finding.severity == "error"
    assert finding.files == ("test/sharp/copy.png", "train/sharp/1.png")
    assert finding.got == "2 exact duplicates in test, train"

    write_pair(tmp_path / "test", "copy.png", 1, target=cv2.GaussianBlur(texture(1), (0, 0), 0.6))
    report = examine(tmp_path)
    assert _one(report, "leakage").severity == "warning" and not report.failed
    assert "near-duplicates, distance" in report.findings[0].got

    report = examine(tmp_path, splits=["train"])
    assert _one(report, "not_examined").files == ("test",)
    assert report.counts["pairs examined"] == 3


def test_blurry_that_is_sharp(clean):
    write_pair(clean, "same.png", 9, degraded=texture(9))
    finding = _one(examine(clean), "identical")
    assert finding.severity == "error" and finding.got == "the same pixels"


def test_flat_pictures_are_no_errors(clean):
    for name in ("white.png", "white_too.png"):
        write_pair(clean, name, 0, target=np.full((SIDE, SIDE, 3), 255, np.uint8))
    report = examine(clean)
    assert not report.failed
    assert [(f.severity, f.kind) for f in report.findings] == [
        ("note", "identical"),
        ("note", "identical"),
        ("note", "duplicate"),
        ("note", "grey"),
        ("note", "grey"),
    ]
    assert [count for name, count in report.counts.items() if "cannot be measured" in name] == [2]


def test_colour_profile_and_orientation(clean):
    image = Image.open(clean / "sharp" / "0.png")
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(clean / "sharp" / "1.png", icc_profile=srgb)
    write_pair(clean, "1.png", 1)
    image = Image.open(clean / "sharp" / "2.png").copy()
    image.save(clean / "sharp" / "2.png", icc_profile=b"no profile" * 20)
    image = Image.open(clean / "sharp" / "3.png").copy()
    image.save(clean / "sharp" / "3.png", icc_profile=lab)
    exif = Image.Exif()
    exif[274] = 3
    turned = Image.open(clean / "blurry" / "0.png").transpose(Image.Transpose.ROTATE_180)
    turned.save(clean / "blurry" / "0.png", exif=exif)
    found = {(f.severity, f.kind, f.files): f.got for f in examine(clean).findings}
    assert found["warning", "orientation", ("blurry/0.png",)] == "orientation 3"
    assert "unreadable" in found["warning", "colour_profile", ("sharp/2.png",)]
    assert "XYZ" in found["warning", "colour_profile", ("sharp/3.png",)]
    assert len(found) == 3  # Turned back, that pair is aligned.


def test_unusual_modes_are_notes(clean):
    image = Image.open(clean / "sharp" / "0.png")
    image.convert("RGBA").save(clean / "sharp" / "0.png")
    grey = np.asarray(Image.open(clean / "sharp" / "1.png").convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(clean / "sharp" / "1.png")
    Image.fromarray(grey).convert("P").save(clean / "blurry" / "1.png")
    found = {(f.severity, f.kind, f.files): f.got for f in examine(clean).findings}
    assert found.pop(("error", "identical", ("blurry/1.png", "sharp/1.png")))
    assert found.pop(("note", "transparency", ("sharp/0.png",))) == "mode RGBA"
    assert found.pop(("note", "mode", ("sharp/1.png",))) == "16-bit grey"
    assert found.pop(("note", "mode", ("blurry/1.png",))) == "a palette"
    assert {key[:2] for key in found} == {("note", "grey")}


def test_small_and_mixed(clean):
    write_pair(clean, "small.png", 9, target=texture(9, 40))
    found = [(f.severity, f.kind, f.got) for f in examine(clean).findings]
    assert found == [
        ("warning", "small", "40x40 px"),
        ("note", "sizes", "2 sizes of degraded images; 4 of 5 are 96x96 px"),
        ("note", "sizes", "2 sizes of targets; 4 of 5 are 96x96 px"),
    ]
    assert "small" not in {f.kind for f in examine(clean, patch_size=40).findings}


def test_limit_and_what_lies_beside(clean):
    (clean / "notes.txt").write_text("mine")
    report = examine(clean, limit=3)
    assert _one(report, "not_examined").files == ("notes.txt",)
    assert report.counts["pairs there"] == 4
    assert report.counts["pairs examined"] == 3
    assert report.counts["pairs left out by the limit"] == 1
    assert report.counts["files and folders not looked at"] == 1


def test_folder_without_pairs(tmp_path):
    for name in ("lr", "hr"):
        (tmp_path / "train" / name).mkdir(parents=True)
    assert _one(examine(tmp_path), "empty").files == ("train",)


def test_what_cannot_be_examined(clean, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(PairError, match="must hold either lr/ and hr/"):
        examine(empty)
    with pytest.raises(PairError, match="has the splits: none. Got: dev"):
        examine(clean, splits=["dev"])
    with pytest.raises(PairError, match="neither a folder nor prepared"):
        examine("nothing", empty)
    with pytest.raises(ValueError, match="`scale` must be at least 1. Got: 0"):
        check(open_source(clean), scale=0)


def test_pages_of_the_recipe_have_no_findings(tmp_path):
    """Blurred pages are not taken for shifted ones, nor distinct pages for duplicates."""
    recipe = TextRecipe(patch_size=160, patches_per_page=1)
    for split, count in (("train", 24), ("test", 8)):
        for index in range(count):
            pair = recipe.pair(3, index, split)
            write_image(tmp_path / split / "lr" / f"{index}.png", pair.degraded)
            write_image(tmp_path / split / "hr" / f"{index}.png", pair.target)
    report = examine(tmp_path)
    assert {finding.kind for finding in report.findings} <= {"grey"}, report.text()
    assert report.counts["pairs examined"] == 32
    assert report.counts["pairs whose alignment was found"] >= 20


def _prepare(data_dir, copy):
    def examples(split, seeds):
        for seed in seeds:
            target = texture(seed)
            yield str(seed), {"id": f"{seed}", "blurry": blurred(target), "sharp": target}

    image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="toy_pairs",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {"id": tfds.features.Text(), "blurry": image, "sharp": image}
        ),
        split_datasets={
            "train": examples("train", (1, 2, 3)),
            "test": examples("test", (4, 2) if copy else (4,)),
        },
        config=None,
        data_dir=str(data_dir),
        disable_shuffling=True,
    )


def test_prepared_data(tmp_path):
    _prepare(tmp_path, copy=False)
    report = examine("toy_pairs", tmp_path)
    assert report.findings == []
    assert report.counts["pairs examined"] == 4


def test_prepared_leak_and_damage(tmp_path):
    _prepare(tmp_path, copy=True)
    page = tmp_path / "report.html"
    finding = _one(examine("toy_pairs", tmp_path, html=page), "leakage")
    assert finding.files == ("test:2 (target)", "train:2 (target)")
    assert "Pairs with findings, the first 2" in page.read_text("utf-8")

    report = examine("toy_pairs", tmp_path, ["train"])
    assert report.findings == [] and report.counts["pairs there"] == 3

    [records] = tmp_path.glob("toy_pairs/1.0.0/*train.tfrecord*")
    records.write_bytes(records.read_bytes()[:-1000])
    report = examine("toy_pairs", tmp_path, ["train"], html=page)
    finding = _one(report, "unreadable")
    assert finding.files == ("train",)
    assert finding.rule == "All 3 records must be readable; 2 were examined."
    assert report.counts["pairs not examined because a file cannot be read"] == 1
    assert "records cannot be read" in page.read_text("utf-8")


def test_page_is_self_contained_and_shows_what_was_found(clean):
    (clean / "sharp" / "1.png").write_bytes(b"<b>no picture</b>")
    write_pair(clean, "same.png", 9, degraded=texture(9))
    page = clean.parent / "report.html"
    report = examine(clean, html=page)
    text = page.read_text("utf-8")
    assert not re.search(r"https?://|url\(|@import|<link|<script|<b>", text)
    assert "Pairs with findings, the first 2" in text and "Other pairs, the first 3" in text
    for finding in report.findings:
        assert finding.shown_files() in text and finding.rule in text
    assert text.count('src="data:image/png;base64,') == 2


def test_findings_in_text():
    many = tuple(str(number) for number in range(FILES_SHOWN + 2))
    report = Report(
        "set", [Finding("note", "a", (), "R.", "x"), Finding("error", "b", many, "S.", "y")]
    )
    report.sort()
    assert report.failed and [finding.kind for finding in report.findings] == ["b", "a"]
    assert "0, 1, 2, 3, 4, 5 and 2 more" in report.text()
    assert "(all)" in report.text() and "R. Got: x." in report.text()
    assert report.summary() == [("error", "b", 1), ("note", "a", 1)]
    with pytest.raises(ValueError, match="Got: 'fatal'"):
        Finding("fatal", "a", (), "", "")


def test_folders_need_no_tensorflow(clean):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'tensorflow_datasets']))\n"
        "from tfdeblur_tools.main import main\n"
        f"raise SystemExit(main(['data', 'check', {str(clean)!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "4 pairs examined" in result.stdout
