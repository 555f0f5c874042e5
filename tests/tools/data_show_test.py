import numpy as np

from tfdeblur.data.pairs import read_prepared
from tfdeblur.data.show import example_sheet
from tfdeblur.images.files import read_image


def test_examples_are_drawn(run, tmp_path):
    run("data", "build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=3")
    sheet = tmp_path / "sheet.png"
    show = ("data", "show", "blurred_text/x4_count3", f"--data_dir={tmp_path}")
    code, out, _ = run(*show, f"--output={sheet}", "--count=2", "--split=test")
    assert (code, out) == (0, f"Drawn: {sheet}\n")
    drawn = read_image(sheet)
    np.testing.assert_array_equal(
        drawn, example_sheet("blurred_text/x4_count3", tmp_path, "test", 2)
    )
    first = next(iter(read_prepared("blurred_text/x4_count3", tmp_path, "test")))
    # 64 px are enlarged three times, the 16 px input twelve times, both without interpolation.
    enlarged = first.target.repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(drawn[8:200, 208:400], enlarged)
    enlarged = first.degraded.repeat(12, axis=0).repeat(12, axis=1)
    np.testing.assert_array_equal(drawn[8:200, 8:200], enlarged)


def test_wrong_usage_says_what_is_right(run, tmp_path):
    code, _, err = run("data", "show", "blurred_text/x4")
    assert code == 1
    assert "use `data show NAME/CONFIG --output=PICTURE`. Got: 'blurred_text/x4' and" in err
    code, _, err = run(
        "data", "show", "nothing/x4", f"--data_dir={tmp_path}", "--output=/nowhere/a.png"
    )
    assert code == 1
    assert "`nothing/x4` is neither a folder nor prepared in" in err
