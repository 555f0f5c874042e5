"""Spot checks of the published numbers against the papers."""

import pytest

from tfdeblur.evaluation.tables import load_tables


@pytest.fixture(scope="module")
def scgan():
    return load_tables("scgan")


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("text", "SCGAN", "psnr", 20.65),
        ("text", "SCGAN", "ssim", 0.9069),
        ("text", "[45]+[43]", "psnr", 14.58),
        ("text", "[8]+[15]", "ssim", 0.7233),
        ("text", "[29]", "psnr", 14.43),
        ("face", "MCGAN", "psnr", 23.95),
        ("face", "[43]+[15]", "psnr", 22.17),
        ("face", "[18]+[45]", "ssim", 0.5216),
        ("face", "[29]", "ssim", None),
        ("priors", "learned", "artifact2", 10.0623),
        ("losses", "pixel", "dcr", 1.1331),
        ("losses", "G2D2", "psnr", 22.95),
        ("runtime", "SCGAN", "50x50", 0.1278),
        ("user_study", "fine-tune", "text", 2.31),
        ("example", "full (7)", "psnr", 24.16),
        ("upsampling", "bicubic", "psnr", 23.45),
    ],
)
def test_values(scgan, table, row, column, value):
    assert scgan[table].value(row, column) == value


@pytest.mark.parametrize("name", ["text", "face"])
def test_every_printed_method_is_there(scgan, name):
    rows = scgan[name].rows
    assert len(rows) == len({row[0] for row in rows}) == 27
    # Nothing scores above the paper's own network, as its text says.
    assert max(row[1] for row in rows if row[1] is not None) == scgan[name].value("SCGAN", "psnr")
    assert max(row[2] for row in rows if row[2] is not None) == scgan[name].value("SCGAN", "ssim")


def test_sequential_methods_come_from_three_and_four(scgan):
    """Three super-resolution and four deblurring methods, both orders: 24 less [18]+[15] = 23."""
    sharpeners, enlargers = ("[45]", "[32]", "[33]", "[15]"), ("[43]", "[8]", "[18]")
    both = {f"{a}+{b}" for a in sharpeners for b in enlargers}
    both |= {f"{b}+{a}" for a in sharpeners for b in enlargers}
    assert {row[0] for row in scgan["text"].rows if "+" in row[0]} == both - {"[18]+[15]"}


def test_rows_fit_their_columns(scgan):
    for table in scgan.values():
        assert "Xu et al." in table.paper and table.source and table.about
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_unknown_names(scgan):
    with pytest.raises(KeyError, match="exist for .*scgan.*Got: 'srgan'"):
        load_tables("srgan")
    with pytest.raises(KeyError, match="Table 5 has the rows pixel, basic"):
        scgan["losses"].value("l1", "psnr")
    with pytest.raises(KeyError, match="Table 5 has the columns psnr, dcr"):
        scgan["losses"].value("pixel", "ssim")
