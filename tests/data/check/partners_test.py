"""Files without a partner, or with another one than theirs."""

import pytest
from PIL import Image
from planted_pairs import texture

from tfdeblur.data.check.doctor import examine
from tfdeblur.images.files import write_image


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_renamed_partner_is_suggested_by_content(clean, suffix):
    lost = clean / "sharp" / "2.png"
    Image.open(lost).save(clean / "sharp" / f"holiday.{suffix}")
    lost.unlink()
    report = examine(clean)
    assert report.failed
    found = {finding.files: finding for finding in report.findings}
    assert found.keys() == {("blurry/2.png",), ("sharp/" + f"holiday.{suffix}",)}
    assert {finding.kind for finding in report.findings} == {"no_partner"}
    got = found[("blurry/2.png",)].got
    assert got.startswith(f"none; likely sharp/holiday.{suffix} (similar content, correlation ")
    assert "likely blurry/2.png" in found[(f"sharp/holiday.{suffix}",)].got
    assert report.counts["files that are no half of a pair"] == 2
    assert report.counts["pairs examined"] == 3


def test_renamed_partner_is_suggested_by_name(clean):
    write_image(clean / "blurry" / "page_017_blur.png", texture(50))
    write_image(clean / "sharp" / "page_017.png", texture(51))
    write_image(clean / "sharp" / "zebra.png", texture(52))
    found = {finding.files[0]: finding.got for finding in examine(clean).findings}
    assert found == {
        "blurry/page_017_blur.png": "none; likely sharp/page_017.png (similar name)",
        "sharp/page_017.png": "none; likely blurry/page_017_blur.png (similar name)",
        "sharp/zebra.png": "none, nor a file like it",
    }


def test_files_that_are_no_half_of_a_pair(clean):
    (clean / "sharp" / "scan.heic").write_bytes(b"II*")
    Image.open(clean / "sharp" / "1.png").save(clean / "sharp" / "1.jpg")
    (clean / "blurry" / "bad.png").write_bytes(b"no picture")
    found = {(finding.kind, finding.files): finding.got for finding in examine(clean).findings}
    assert found.keys() == {
        ("no_pair", ("sharp/scan.heic",)),
        ("no_pair", ("sharp/1.png",)),
        ("unreadable", ("blurry/bad.png",)),
        ("no_partner", ("blurry/bad.png",)),
    }
    assert "same name as" in found["no_pair", ("sharp/1.png",)]
    assert "suffix is none of .png" in found["no_pair", ("sharp/scan.heic",)]


def test_two_pictures_in_onewrite_pair(clean):
    one, two = clean / "blurry" / "0.png", clean / "blurry" / "1.png"
    one.rename(clean / "aside"), two.rename(one), (clean / "aside").rename(two)
    report = examine(clean)
    assert {finding.kind for finding in report.findings} == {"other_picture"}
    found = {finding.files: finding.got for finding in report.findings}
    assert "likely partner: sharp/1.png" in found["blurry/0.png", "sharp/0.png"]
    assert "likely partner: sharp/0.png" in found["blurry/1.png", "sharp/1.png"]
