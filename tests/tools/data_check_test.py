import pytest

from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.files import write_image


def _write_pairs(folder, count=2):
    for index in range(count):
        pair = TextRecipe(patch_size=64, patches_per_page=1).pair(0, index, "train")
        write_image(folder / "lr" / f"{index}.png", pair.degraded)
        write_image(folder / "hr" / f"{index}.png", pair.target)


def test_check_says_what_is_wrong(run, tmp_path):
    folder, page = tmp_path / "photos", tmp_path / "report.html"
    _write_pairs(folder)
    code, out, _ = run("data", "check", folder)
    assert code == 0
    assert f"{folder}:" in out and "2 pairs examined" in out and "error" not in out

    (folder / "hr" / "1.png").unlink()
    code, out, _ = run("data", "check", folder, f"--html={page}", "--limit=1", "--scale=4")
    assert code == 1
    assert "error    no_partner      lr/1.png" in out
    assert "1 pairs examined" in out
    assert "lr/1.png" in page.read_text("utf-8")

    code, out, _ = run("data", "check", folder, "--scale=2", "--patch_size=65")
    assert code == 1
    assert "The scale must be 2, as asked for. Got: 4 (16x16 px and 64x64 px)." in out
    assert "at least 65 px" in out


def test_check_takes_splits_and_prepared_data(run, tmp_path):
    for split in ("train", "test"):
        _write_pairs(tmp_path / "photos" / split)
    code, out, _ = run("data", "check", tmp_path / "photos")
    assert code == 1 and "No target may be in two splits." in out
    code, out, _ = run("data", "check", tmp_path / "photos", "--split=test")
    assert code == 0 and "2 pairs examined" in out

    run("data", "build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=2")
    check = ("data", "check", "blurred_text/x4_count2", f"--data_dir={tmp_path}")
    code, out, _ = run(*check, "--split=train,test")
    assert code == 0 and "4 pairs examined" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "use `check PATH_OR_NAME`. Got: ''."),
        (("a", "b"), "use `check PATH_OR_NAME`. Got: 'a b'."),
        (("nothing",), "`nothing` is neither a folder nor prepared in"),
        ((".",), "`.` must hold either lr/ and hr/ or blurry/ and sharp/. Got: an empty folder."),
    ],
)
def test_check_of_nothing_is_wrong_usage(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("data", "check", *arguments, "--data_dir=.")
    assert (code, out) == (2, "")
    assert err.startswith("tfdeblur data check: ") and message in err
