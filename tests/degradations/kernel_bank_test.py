"""Banks: draws, the file and what is refused, measured kernels, listing and sheet."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tfdeblur.degradations import kernel_bank as kb
from tfdeblur.degradations.kernel_bank import Kernel, draw_bank, load_bank, save_bank
from tfdeblur.degradations.kernels import check_psf
from tfdeblur.images.files import write_image

FIRST = ("text", "trajectory", "spline", "gaussian", "anisotropic_gaussian")
GOLDEN = "eeb9ceb18716eb81c4787d8d5bfabfb82fdde647ddd40d41c5067f1a8c6956e2"

GOLDEN_WIDE = "2b572920b1f80b514598ffaed996621db6d5dea183142087289149b5c9257162"


def assert_same(first, second):
    assert [(k.name, k.drawn) for k in first] == [(k.name, k.drawn) for k in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.psf, other.psf)


@pytest.mark.parametrize("family", kb.FAMILIES)
def test_kernels_are_a_function_of_seed_family_and_number(family):
    bank = draw_bank(family, 9, seed=5)
    assert [kernel.name for kernel in bank] == [f"{family}/5/{index}" for index in range(9)]
    for kernel in bank:
        check_psf(kernel.psf)
    np.random.seed(1)
    assert_same([kb.draw_kernel(family, 5, index) for index in (7, 2)], [bank[7], bank[2]])
    others = [kb.draw_kernel(family, 5, 10), kb.draw_kernel(family, 6, 2)]
    contents = {kernel.psf.tobytes() for kernel in [*bank, *others]}
    assert len(contents) == 11


def test_families_do_not_share_their_draws():
    sigmas = [kb.draw_kernel(f, 0, 0).drawn["sigma"] for f in ("gaussian", "anisotropic_gaussian")]
    assert sigmas[0] != sigmas[1]


@pytest.mark.parametrize(("families", "golden"), [(FIRST, GOLDEN), (("wide",), GOLDEN_WIDE)])
def test_kernels_of_known_seeds_are_golden(families, golden):
    """Weights enter with five digits: the last ones depend on the machine's mathematics."""
    digest = hashlib.sha256()
    for family in families:
        for index in range(4):
            kernel = kb.draw_kernel(family, 3, index)
            digest.update(f"{kernel.name} {len(kernel.psf)} ".encode())
            digest.update(np.round(kernel.psf * 1e5).astype(np.int32).tobytes())
    assert digest.hexdigest() == golden, "Kernels changed: banks drawn before cannot be made again."


def test_sizes_and_extents_take_turns():
    sizes = [kernel.drawn["size"] for kernel in draw_bank("trajectory", 16)]
    assert sizes == 2 * [13, 15, 17, 19, 21, 23, 25, 27]
    extents = [kernel.drawn["extent"] for kernel in draw_bank("spline", 6)]
    assert extents == 2 * [24, 16, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("box", 0, 0), "`family` must be one of text, .* Got: 'box'"),
        (("text", -1, 0), "`seed` must be at least 0. Got: -1"),
        (("text", 0, -2), "`index` must be at least 0. Got: -2"),
    ],
)
def test_draws_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kb.draw_kernel(*arguments)
    with pytest.raises(ValueError, match="`count` must be at least 1. Got: 0"):
        draw_bank("text", 0)


def test_a_bank_comes_back_as_it_was(tmp_path):
    bank = [*draw_bank("trajectory", 9), *draw_bank("text", 2), Kernel("é.npy", np.float32([[1]]))]
    save_bank(tmp_path / "new" / "bank.npz", bank)
    assert_same(load_bank(tmp_path / "new" / "bank.npz"), bank)
    save_bank(tmp_path / "again.npz", bank)
    first, again = (
        (tmp_path / "new" / "bank.npz").read_bytes(),
        (tmp_path / "again.npz").read_bytes(),
    )
    assert first == again


def broken(psf):
    return [Kernel("good", np.float32([[1]])), Kernel("bad", psf)]


BAD_PSFS = pytest.mark.parametrize(
    ("psf", "message"),
    [
        (np.full((2, 2), 0.25, np.float32), "must be square with an odd side"),
        (np.full((1, 1), np.nan, np.float32), "must be finite"),
        (np.diag([1, -0.5, 0.5]).astype(np.float32), "must be non-negative"),
        (np.full((1, 1), 0.5, np.float32), "must sum to 1. Got: 0.5"),
    ],
)


@BAD_PSFS
def test_bad_kernels_are_not_saved(tmp_path, psf, message):
    with pytest.raises(ValueError, match=f"bank.npz: kernel 'bad' {message}"):
        save_bank(tmp_path / "bank.npz", broken(psf))
    assert list(tmp_path.iterdir()) == []


@BAD_PSFS
def test_bad_kernels_are_not_loaded(tmp_path, monkeypatch, psf, message):
    with monkeypatch.context() as context:
        context.setattr(kb, "_check", lambda path, kernels: None)
        save_bank(tmp_path / "bank.npz", broken(psf))
    with pytest.raises(ValueError, match=f"bank.npz: kernel 'bad' {message}"):
        load_bank(tmp_path / "bank.npz")


def test_names_are_unique_and_banks_not_empty(tmp_path):
    one = Kernel("one", np.float32([[1]]))
    with pytest.raises(ValueError, match="kernel 'one' comes twice"):
        save_bank(tmp_path / "bank.npz", [one, one])
    with pytest.raises(ValueError, match="at least one kernel. Got: none"):
        save_bank(tmp_path / "bank.npz", [])
    with pytest.raises(ValueError, match="bank.zip: a bank's file must end in .npz. Got: '.zip'"):
        save_bank(tmp_path / "bank.zip", [one])


def fields(path):
    with np.load(path) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format_version", np.int64(2), "`format_version` must be 1. Got: 2"),
        ("sides", np.array([3.0, 13.0]), r"`sides` must be \[N\] int32 .* Got: float64"),
        ("sides", np.array([0, 15], np.int32), r"of at least 1. Got: int32 \[ 0 15\]"),
        ("sides", np.array([13, 13], np.int32), r"must be \[338\] float32 .* Got: \(394,\)"),
        ("weights", np.zeros(394), r"must be \[394\] float32 .* Got: \(394,\) float64"),
        ("records", np.frombuffer(b"[]", np.uint8), "`records` must name 2 kernels. Got: 0"),
        ("records", np.frombuffer(b"{", np.uint8), "`records` must be JSON with names"),
        ("records", np.frombuffer(b"[{}]", np.uint8), "`records` must be JSON with names"),
        ("records", np.frombuffer(b"7", np.uint8), "`records` must be JSON with names"),
        ("records", np.array([{}], object), "it cannot be read: Object arrays cannot be loaded"),
        ("weights", None, "must hold format_version, sides, weights, records"),
    ],
)
def test_damaged_banks_are_refused(tmp_path, name, value, message):
    path = tmp_path / "bank.npz"
    save_bank(path, draw_bank("trajectory", 2))
    content = fields(path)
    if value is None:
        del content[name]
    else:
        content[name] = value
    np.savez(path, **content)
    with pytest.raises(ValueError, match=f"bank.npz: .*{message}"):
        load_bank(path)


def test_files_that_are_no_bank_are_refused(tmp_path):
    path = tmp_path / "bank.npz"
    save_bank(path, draw_bank("gaussian", 3))
    whole = path.read_bytes()
    np.save(tmp_path / "array.npy", np.eye(3))
    for content in (b"", b"text", whole[: len(whole) // 2], (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="bank.npz: must be a bank of kernels"):
            load_bank(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="bank.npz: "):
        load_bank(path)
    with pytest.raises(OSError, match="none.npz"):
        load_bank(tmp_path / "none.npz")


def test_measured_kernels_are_cropped_centred_and_normalised(tmp_path):
    """Weights 1, 3 side by side, far off in a corner: the heavier one becomes the middle."""
    weights = np.zeros((6, 8))
    weights[0, 5:7] = 10, 30
    expected = np.zeros((3, 3), np.float32)
    expected[1] = 0.25, 0.75, 0
    np.save(tmp_path / "a.npy", weights)
    np.save(tmp_path / "b.npy", weights.astype(np.uint16))
    np.save(tmp_path / "huge.npy", weights * 1e306)
    write_image(tmp_path / "c.png", weights.astype(np.uint8))
    for name in ("a.npy", "b.npy", "c.png", "huge.npy"):
        kernel = kb.measured_kernel(tmp_path / name)
        assert kernel.name == name
        np.testing.assert_array_equal(kernel.psf, expected)


def test_measured_kernels_are_added_behind_the_others(tmp_path):
    folder = tmp_path / "measured"
    folder.mkdir()
    np.save(folder / "b.npy", np.eye(3))
    write_image(folder / "a.png", np.eye(5, dtype=np.uint8))
    (folder / "notes.txt").write_text("not a kernel")
    np.save(tmp_path / "c.npy", np.ones((4, 4)))
    bank = kb.add_measured(draw_bank("text", 1), [folder, tmp_path / "c.npy"])
    assert [kernel.name for kernel in bank] == ["text/0/0", "a.png", "b.npy", "c.npy"]
    with pytest.raises(ValueError, match="c.npy: the bank has a kernel named 'c.npy' already"):
        kb.add_measured(bank, [tmp_path / "c.npy"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: must hold files that end in .png, .*Got: none"):
        kb.add_measured([], [tmp_path / "empty"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 3)), "not zero everywhere. Got: values from 0 to 0"),
        (np.diag([1.0, -1.0]), "non-negative .* Got: values from -1 to 1"),
        (np.array([[1.0, np.inf]]), "must be finite"),
        (np.array([[1.0, np.nan]]), "must be finite"),
        (np.ones(5), r"must be \[h, w\] real numbers. Got: \(5,\) float64"),
        (np.ones((2, 2), complex), r"real numbers. Got: \(2, 2\) complex128"),
        (np.ones((0, 2)), r"must not be empty. Got: \(0, 2\)"),
        (np.ones((300, 4)), "must fit into 255x255 px .* Got: 300x4"),
        (np.array([[{}]]), "must be a .npy file with numbers"),
    ],
)
def test_arrays_that_are_no_kernel_are_refused(tmp_path, array, message):
    np.save(tmp_path / "k.npy", array)
    with pytest.raises(ValueError, match=f"k.npy: .*{message}"):
        kb.measured_kernel(tmp_path / "k.npy")


def test_a_lopsided_kernel_may_be_too_large_around_its_centroid(tmp_path):
    """200 px, nearly all weight at one end: 399 px around it."""
    line = np.full((1, 200), 1e-6)
    line[0, 0] = 1
    np.save(tmp_path / "k.npy", line)
    with pytest.raises(ValueError, match="255x255 px around its centroid. Got: 1x200"):
        kb.measured_kernel(tmp_path / "k.npy")


def test_files_that_are_no_kernel_are_refused(tmp_path):
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[1, 1] = 200, 0, 0
    write_image(tmp_path / "red.png", colours)
    write_image(tmp_path / "glass.png", np.full((4, 4, 4), 128, np.uint8))
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "notes.txt").write_text("")
    np.savez(tmp_path / "many.npz", a=np.eye(3))
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    for name, message in {
        "red.png": "must be grey. Got: colours",
        "glass.png": "must be opaque",
        "cut.npy": "must be a .npy file with numbers",
        "many.npy": "real numbers. Got: an archive",
        "notes.txt": "must end in .png, .jpg, .*, .npy. Got: '.txt'",
        "none.png": "there is no such file",
    }.items():
        with pytest.raises(ValueError, match=f"{name}: .*{message}"):
            kb.measured_kernel(tmp_path / name)
    with pytest.raises(OSError, match="none.npy"):
        kb.measured_kernel(tmp_path / "none.npy")


def test_collect_draws_opens_adds_and_writes_what_changed(tmp_path):
    path, extra = tmp_path / "bank.npz", tmp_path / "k.npy"
    np.save(extra, np.eye(3))
    drawn = kb.collect(family="gaussian", count=2, seed=3, bank=path)
    assert_same(drawn, draw_bank("gaussian", 2, 3))
    assert_same(load_bank(path), drawn)
    written = path.stat().st_mtime_ns
    assert_same(kb.collect(bank=path), drawn)
    assert path.stat().st_mtime_ns == written
    assert [kernel.name for kernel in kb.collect(bank=path, add=[extra])][2:] == ["k.npy"]
    assert len(load_bank(path)) == 3
    assert len(kb.collect(add=[extra], bank=tmp_path / "new.npz")) == 1
    assert len(load_bank(tmp_path / "new.npz")) == 1
    with pytest.raises(ValueError, match="bank.npz: is there already; `overwrite` replaces it"):
        kb.collect(family="text", bank=path)
    assert len(kb.collect(family="gaussian", bank=path, overwrite=True)) == 64
    assert load_bank(path)[0].name == "gaussian/0/0"
    with pytest.raises(ValueError, match="needs a `family` .*, a `bank` or files to `add`"):
        kb.collect()
    with pytest.raises(ValueError, match="`count` and `seed` need a `family`"):
        kb.collect(bank=path, count=2)


def test_table_says_size_spread_and_draws():
    """A line of three equal weights: the mean square distance is 2/3, its root 0.82."""
    line = np.zeros((3, 3), np.float32)
    line[1] = 1 / 3
    rows = kb.table([Kernel("line", line, {"angle": 0.123456, "kind": "x"}), Kernel("b", line)])
    assert rows == [
        "line    3 px  rms  0.82 px  angle 0.1235, kind x",
        "b       3 px  rms  0.82 px",
    ]


def test_sheet_shows_the_first_kernels_with_white_as_their_largest_weight(tmp_path):
    bank = draw_bank("gaussian", 3)
    sheet = kb.kernel_sheet(bank)
    assert sheet.dtype == np.uint8
    brightest = [kernel.psf == kernel.psf.max() for kernel in bank]
    factor = -(-160 // max(len(kernel.psf) for kernel in bank))
    white = sum(int(found.sum()) for found in brightest) * factor**2
    assert (sheet == 255).all(axis=2).sum() == white
    many = [dataclasses.replace(bank[0], name=str(index)) for index in range(70)]
    assert kb.kernel_sheet(many).shape == kb.kernel_sheet(many[:64]).shape
    assert kb.write_sheet(tmp_path / "sheet.png", many) == 64
    assert (tmp_path / "sheet.png").exists()
