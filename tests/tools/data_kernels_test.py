import numpy as np

from tfdeblur.degradations import kernel_bank
from tfdeblur.degradations.kernel_bank import load_bank
from tfdeblur.images.files import read_image


def test_kernels_are_drawn_kept_extended_and_listed(run, tmp_path):
    bank, sheet = tmp_path / "bank.npz", tmp_path / "sheet.png"
    draw = ("data", "kernels", "--family=spline", "--count=3", "--seed=7", f"--bank={bank}")
    code, out, _ = run(*draw, f"--sheet={sheet}")
    assert code == 0
    assert out == f"Written: {bank}: 3 kernels\nDrawn: {sheet}: 3 of 3 kernels\n"
    np.testing.assert_array_equal(read_image(sheet), kernel_bank.kernel_sheet(load_bank(bank)))

    np.save(tmp_path / "mine.npy", np.eye(4))
    code, out, _ = run("data", "kernels", f"--bank={bank}", f"--add={tmp_path / 'mine.npy'}")
    assert (code, out) == (0, f"Written: {bank}: 4 kernels\n")

    code, out, _ = run("data", "kernels", f"--bank={bank}")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        *(f"spline/7/{index}" for index in range(3)),
        "mine.npy",
    ]

    code, _, err = run(*draw)
    assert code == 1
    assert err == f"tfdeblur data kernels: {bank}: is there already; `overwrite` replaces it.\n"
    assert run(*draw, "--overwrite")[0] == 0
    assert len(load_bank(bank)) == 3


def test_kernels_without_a_bank_are_listed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("data", "kernels", "--family=gaussian", "--count=2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["gaussian/0/0", "gaussian/0/1"]
    assert list(tmp_path.iterdir()) == []


def test_kernels_names_what_is_wrong(run, tmp_path):
    assert "`family` must be one of text, trajectory" in run("data", "kernels", "--family=box")[2]
    assert "needs a `family`" in run("data", "kernels")[2]
    code, _, err = run("data", "kernels", f"--bank={tmp_path / 'none.npz'}")
    assert code == 1
    assert "none.npz" in err
