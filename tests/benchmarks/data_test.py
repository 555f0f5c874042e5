"""The benchmark of recipes: fair peers, turns, shares, figures."""

import json

import cv2
import numpy as np
import pytest

from tfdeblur.benchmarks import data, plain_kernels, plain_recipes, stages
from tfdeblur.benchmarks.contests import make_contest
from tfdeblur.benchmarks.data import NAMES, Options, alternate, benchmark, machine, measure
from tfdeblur.benchmarks.images import (
    draw_photograph,
    face_mask,
    photographs,
    shake,
)
from tfdeblur.benchmarks.report import Rates, table
from tfdeblur.benchmarks.stages import STAGES, shares
from tfdeblur.degradations.kernel_bank import draw_kernel
from tfdeblur.degradations.kernels import blur, check_psf, disc_psf, text_psf
from tfdeblur.degradations.motion_flow import draw_motion, motion_flow, quantise_flow
from tfdeblur.degradations.recipes import (
    EnhanceUnetRecipe,
    Given,
    ScganFaceRecipe,
    TextRecipe,
    TwoBranchRecipe,
    WrfnRecipe,
    scgan_face,
    text,
)
from tfdeblur.images.files import write_image
from tfdeblur.images.resize import resize_bicubic

RECIPES = NAMES[:6]


def images_of(made):
    """List the images of a pair of ours, or of a peer's tuple."""
    return list(made) if isinstance(made, tuple) else stages.images_of(made)


def assert_near(ours, theirs):
    """At least 45 dB in every image: errors of about one level."""
    for mine, other in zip(images_of(ours), images_of(theirs), strict=True):
        assert mine.shape == other.shape
        assert np.mean((mine.astype(float) - other) ** 2) < 255**2 / 10**4.5


@pytest.fixture
def photo():
    return draw_photograph(np.random.default_rng(3), (218, 178))


@pytest.mark.parametrize("name", RECIPES)
def test_both_make_the_same_kind_of_pair(name):
    contest = make_contest(name, seed=0)
    for number in range(3):
        ours, theirs = (images_of(make(number)) for make in (contest.ours, contest.peer))
        facts = [[(image.shape, image.dtype) for image in images] for images in (ours, theirs)]
        assert facts[0] == facts[1]
        assert ours[0].dtype == np.uint8


def test_peers_of_scgan_make_the_same_pixels(photo, monkeypatch):
    """With one kernel for both and no noise; the text's peer gets the patch that ours drew."""
    page = draw_photograph(np.random.default_rng(1), (131, 140))
    for seed in range(4):
        psf, _ = text_psf(np.random.default_rng(seed))
        for module in (text, scgan_face):
            monkeypatch.setattr(module, "text_psf", lambda rng, psf=psf: (psf, {}))
        face = ScganFaceRecipe(noise_max=0).degrade(photo, np.random.default_rng(0))
        assert_near(face, plain_recipes.scgan_face(photo, np.random.default_rng(0), psf, 0))

        ours = TextRecipe(noise_max=0).degrade(page, np.random.default_rng(seed))
        padded = np.pad(page, [(14, 14), (14, 14), (0, 0)], "symmetric")
        border = 14 - len(psf) // 2
        rows, columns = (
            slice(ours.drawn[name] + border, ours.drawn[name] + 92 - border)
            for name in ("top", "left")
        )
        seen = padded[rows, columns]
        assert_near(ours, plain_recipes.scgan_text(seen, np.random.default_rng(0), psf, 0))


def test_peer_of_enhance_unet_makes_the_same_pixels(photo):
    """Both draw the row, then the column."""
    for number in (0, 7, 13):
        psf = draw_kernel("trajectory", 0, number).psf
        ours = EnhanceUnetRecipe().degrade(photo, np.random.default_rng(number), Given([psf]))
        theirs = plain_recipes.enhance_unet(photo, np.random.default_rng(number), psf)
        assert_near(ours, theirs)
        np.testing.assert_array_equal(ours.target, theirs[1])


def test_peer_of_gfn_makes_the_same_pixels():
    contest = make_contest("gfn", seed=0)
    for number in (0, 40, 51):
        assert_near(contest.ours(number), contest.peer(number))


def test_peer_of_wrfn_makes_the_same_pixels():
    sharp = draw_photograph(np.random.default_rng(1), (71, 90))[..., :1]
    for number in range(3):
        bank = [draw_kernel("spline", 0, number).psf]
        ours = WrfnRecipe(noise_std=0).degrade(sharp, np.random.default_rng(0), Given(bank))
        assert_near(ours, plain_recipes.wrfn(sharp, np.random.default_rng(0), bank, 0))


def test_peer_of_two_branch_makes_the_same_pixels():
    photo, mask = draw_photograph(np.random.default_rng(2), (256, 256)), face_mask(256)
    for seed in range(2):
        flow = quantise_flow(motion_flow(draw_motion(np.random.default_rng(seed)), (256, 256)))
        ours = TwoBranchRecipe().degrade(photo, np.random.default_rng(seed), Given(mask=mask))
        assert_near(ours, plain_recipes.two_branch(photo, mask, np.random.default_rng(0), flow))


@pytest.mark.parametrize("side", [7, 11, 13, 27])
def test_plain_blur_is_ours(photo, side):
    """On both sides of the limit between the filter and the Fourier transform."""
    psf = np.random.default_rng(side).random((side, side)).astype(np.float32)
    psf /= psf.sum()
    image = photo.astype(np.float32)
    np.testing.assert_allclose(plain_recipes._blur_inside(image, psf), blur(image, psf), atol=2e-3)
    mirrored = np.pad(image, [(side // 2,) * 2] * 2 + [(0, 0)], "symmetric")
    np.testing.assert_allclose(plain_recipes._blur(photo, psf), blur(mirrored, psf), atol=2e-3)


@pytest.mark.parametrize("size", [(54, 45), (300, 201), (218, 30)])
def test_plain_resize_is_matlabs(photo, size):
    expected = resize_bicubic(photo, size)
    np.testing.assert_allclose(plain_recipes.resize(photo, *size), expected, atol=1e-3)


def test_plain_kernels_are_kernels():
    rng = np.random.default_rng(0)
    for number in range(20):
        size = 13 + 2 * (number % 8)
        psfs = [
            plain_kernels.text_kernel(rng),
            plain_kernels.trajectory_kernel(rng, size),
            plain_kernels.spline_kernel(rng, (8, 16, 24)[number % 3]),
        ]
        for psf in psfs:
            check_psf(psf)
            offset = np.arange(len(psf)) - len(psf) // 2
            assert np.hypot(psf.sum(axis=0) @ offset, psf.sum(axis=1) @ offset) < 1
        assert [len(psf) for psf in psfs[1:]] == [size, 41]
        assert len(psfs[0]) <= 29


def test_plain_splat_shares_a_point_among_its_neighbours():
    """A point a quarter to the right of the middle and one on the lower border."""
    psf = plain_kernels.splat(np.array([[0.25, 0.0], [0.0, 1.0 - 1e-9]]), 3)
    np.testing.assert_allclose(psf, [[0, 0, 0], [0, 0.375, 0.125], [0, 0.5, 0]], atol=1e-6)


def test_plain_flow_is_ours():
    ours = motion_flow(draw_motion(np.random.default_rng(5)), (33, 47))
    theirs = plain_kernels.mild_flow(np.random.default_rng(5), 33, 47)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_turns_are_taken_and_timed(monkeypatch):
    """A clock that each call moves on: 4 and 2 calls per second."""
    now, calls = [0.0], []
    monkeypatch.setattr(data.time, "process_time", lambda: now[0])

    def call(name, seconds):
        def made(number):
            calls.append((name, number))
            now[0] += seconds

        return made

    rates = alternate([call("a", 0.25), call("b", 0.5)], rounds=2, seconds=1.0)
    assert rates == [[4.0, 4.0], [2.0, 2.0]]
    a, b = ([(name, number) for number in range(count)] for name, count in (("a", 4), ("b", 2)))
    assert calls[16:] == [*a, *b, *a, *b]  # After eight calls of each to warm up.


def test_a_turn_makes_one_call_at_least():
    assert len(alternate([lambda number: None], rounds=3, seconds=1e-9)[0]) == 3


def test_rates():
    rates = Rates.of([30.0, 10.0, 25.0])
    assert rates == Rates(25.0, 10.0, 30.0)
    assert rates.text() == "25.0 (10.0-30.0)"
    assert Rates(1234.5, 1200.4, 1300.0).text() == "1234 (1200-1300)"
    assert Rates(1.234, 1.0, 2.0).text() == "1.23 (1.00-2.00)"


def test_measured_in_this_process():
    before = cv2.getNumThreads()
    measured = measure(Options(("scgan_face", "spline_kernel"), rounds=2, seconds=0.01))
    assert cv2.getNumThreads() == before
    assert json.loads(json.dumps(measured)) == measured
    face, kernel = measured["recipes"]
    assert (face["name"], kernel["name"]) == ("scgan_face", "spline_kernel")
    for result in (face, kernel):
        assert 0 < result["ours"]["least"] <= result["ours"]["median"] <= result["ours"]["most"]
        assert sum(result["shares"].values()) == pytest.approx(1)
        assert set(result["shares"]) == {*STAGES, "rest"}
    assert kernel["shares"]["kernel"] > 0.5
    assert kernel["shares"]["PNG"] == 0
    assert set(measured) == {"machine", "recipes"}


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("scgan_text", {"kernel", "blur", "noise", "resize", "PNG"}),
        ("scgan_face", {"kernel", "blur", "noise", "resize", "PNG"}),
        ("enhance_unet", {"blur", "PNG"}),
        ("gfn", {"resize", "PNG"}),
        ("wrfn", {"blur", "noise", "PNG"}),
        ("two_branch", {"kernel", "blur", "resize", "PNG"}),
    ],
)
def test_time_goes_to_the_stages_that_a_recipe_has(name, stages):
    found, milliseconds = shares(make_contest(name, seed=0).ours, seconds=0.02)
    spent = {stage for stage, share in found.items() if share > 0.002 and stage in STAGES}
    assert spent - {"8 bit"} == stages
    assert sum(found.values()) == pytest.approx(1)
    assert milliseconds > 0


def test_machine_is_described_without_its_name(tmp_path):
    facts = machine()
    assert set(facts) == {"cpu", "cores", "load", "python", "numpy", "opencv", "tfdeblur"}
    assert facts["cores"] >= 1 and facts["cpu"]


def test_table():
    result = {
        "name": "gfn",
        "ours": {"median": 200.0, "least": 190.0, "most": 210.0},
        "peer": {"median": 100.0, "least": 95.0, "most": 105.0},
        "ratio": {"median": 2.0, "least": 1.9, "most": 2.1},
        "milliseconds": 6.0,
        "shares": {"blur": 0.25, "rest": 0.75},
    }
    other = {**result, "name": "wrfn", "ours": {"median": 12.34, "least": 9.0, "most": 13.0}}
    versions = {"python": "3", "numpy": "1", "opencv": "4", "tfdeblur": "0"}
    measured = {
        "machine": {"cpu": "A CPU", "cores": 2, "load": 0.5, **versions},
        "recipes": [result, other],
        "rendered": {
            "pages": {"median": 5.0, "least": 4.0, "most": 6.0},
            "pairs": {"median": 50.0, "least": 40.0, "most": 60.0},
        },
    }
    assert table(measured).splitlines() == [
        "A CPU, 2 cores, load 0.5; python 3, numpy 1, opencv 4, tfdeblur 0",
        "",
        "Pairs per second and core, one thread: median (least-most)",
        "                 ours         plain      ours / plain",
        "gfn     200 (190-210)  100 (95-105)  2.00 (1.90-2.10)",
        "wrfn  12.3 (9.0-13.0)  100 (95-105)  2.00 (1.90-2.10)",
        "",
        "Rendered per second and core: "
        "pages of text 5.00 (4.00-6.00), pairs of them 50.0 (40.0-60.0)",
        "",
        "Time of a pair of ours with its PNG encoding, and where it goes",
        "        ms  blur  rest",
        "gfn   6.00  25 %  75 %",
        "wrfn  6.00  25 %  75 %",
    ]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"recipes": ("gfn", "srgan")}, "`recipe` must be some of scgan_text, .* Got: srgan."),
        ({"recipes": ()}, "Got: none."),
        ({"rounds": 0}, "`rounds` must be at least 1. Got: 0."),
        ({"seconds": 0.0}, "`seconds` must be positive and finite. Got: 0.0."),
        ({"seconds": float("nan")}, "`seconds` must be positive"),
        ({"seed": -1}, "`seed` must be at least 0. Got: -1."),
        ({"images": "nowhere"}, "`images` must be a folder. Got: 'nowhere'."),
    ],
)
def test_wrong_options(choice, message):
    with pytest.raises(ValueError, match=message):
        Options(**choice)


def test_photographs_of_a_folder_are_fitted(tmp_path):
    """A wide image of three columns of colour: its middle is cut out. It is used three times."""
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200
    write_image(tmp_path / "a.png", image)
    found = photographs(str(tmp_path), (40, 32), 3, np.random.default_rng(0))
    assert [photo.shape for photo in found] == [(40, 32, 3)] * 3
    assert (found[0][:, 4:-4] == 200).all()
    assert found[0] is found[2]


def test_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="must hold images. Got: none."):
        photographs(str(tmp_path), (8, 8), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="must hold images. Got: none."):
        benchmark(Options(("gfn",), images=str(tmp_path), rounds=1, seconds=0.01))


def test_drawn_photographs_have_the_spectrum_of_natural_ones():
    """Amplitudes fall with the frequency f about as 1 / f: between f^-0.8 and f^-1.8."""
    images = photographs("", (128, 192), 2, np.random.default_rng(0))
    assert images[0].shape == (128, 192, 3) and images[0].dtype == np.uint8
    assert (images[0] != images[1]).any()
    np.testing.assert_array_equal(
        images[0], photographs("", (128, 192), 1, np.random.default_rng(0))[0]
    )
    grey = images[0][:, :128].mean(axis=2)
    spectrum = np.abs(np.fft.rfft2(grey * np.outer(np.hanning(128), np.hanning(128))))
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128))
    low, high = (np.sqrt(np.mean(spectrum[np.abs(frequency - f) < 0.01] ** 2)) for f in (0.04, 0.4))
    assert 10**0.8 < low / high < 10**1.8


def test_shake_keeps_what_is_flat_and_blurs_edges():
    image = np.full((32, 32, 3), 90, np.uint8)
    np.testing.assert_array_equal(shake(image, 3), image)
    image[:, 16:] = 160
    assert len(np.unique(shake(image, 3)[16])) == 8


def test_face_mask():
    mask = face_mask(64)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask > 0).mean() == pytest.approx(0.55, abs=0.03)


def test_disc_of_the_plain_text_kernel_is_as_wide_as_ours():
    """Coverage by distance and by 8 x 8 samples agree to a few percent of the largest weight."""
    offset = np.arange(-3, 4)
    disc = np.clip(2.6 + 0.5 - np.hypot(offset[:, None], offset), 0, 1)
    np.testing.assert_allclose(disc / disc.sum(), disc_psf(2.6), atol=0.06 * disc_psf(2.6).max())
