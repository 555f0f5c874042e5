"""Which images are in a folder, and how they are divided."""

import hashlib
import os
import random

import numpy as np
import pytest

from tfdeblur.data.build.sources import (
    Excluded,
    SourceImage,
    list_images,
    load_image,
    split_images,
)
from tfdeblur.images.files import ImageError, write_image


def _touch(folder, *names, content=b"not looked at"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _images(folder, *names):
    return list_images(_touch(folder, *names))[0]


def _ids(found):
    return {split: [image.id for image in members] for split, members in found.images.items()}


def _by_hash(names):
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def test_images_are_sorted_and_named_by_their_paths(tmp_path):
    images = _images(tmp_path, "b.PNG", "a/z.jpeg", "a/deep/c.v2.jpg")
    assert images == [
        SourceImage("a/deep/c.v2", str(tmp_path / "a/deep/c.v2.jpg"), "a/deep/c.v2"),
        SourceImage("a/z", str(tmp_path / "a/z.jpeg"), "a/z"),
        SourceImage("b", str(tmp_path / "b.PNG"), "b"),
    ]


def test_the_order_of_folders_does_not_matter(tmp_path, monkeypatch):
    names = [f"{folder}/{number}.jpg" for folder in "abcd" for number in range(9)]
    first = list_images(_touch(tmp_path, *names))
    scandir = os.scandir

    class Shuffled:
        def __init__(self, folder):
            self.entries = list(scandir(folder))
            random.shuffle(self.entries)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert list_images(tmp_path) == first


def test_every_other_file_is_named_with_its_reason(tmp_path):
    _touch(
        tmp_path, "fine.jpg", "scan.tif", "noise", "twice.jpg", "twice.png", "x/y.JPG", "x/y.jpg"
    )
    _touch(tmp_path, "x/y.jpeg", "x/empty.png")
    (tmp_path / "x/empty.png").write_bytes(b"")
    (tmp_path / "linked").symlink_to(tmp_path / "x")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    images, excluded = list_images(tmp_path)
    assert [image.id for image in images] == ["fine"]
    suffix = "must have one of the suffixes .png, .jpg, .jpeg. Got: "
    twin = "must differ from others by more than its suffix. There is {} as well."
    assert excluded == [
        ("gone.png", "must be a file. It is a link to nothing, or something else."),
        ("linked", "must be a file. It is a link to a folder, which is not followed."),
        ("noise", suffix + "none."),
        ("scan.tif", suffix + ".tif."),
        ("twice.jpg", twin.format("twice.png")),
        ("twice.png", twin.format("twice.jpg")),
        ("x/empty.png", "must be a picture. It is empty (0 bytes)."),
        ("x/y.JPG", twin.format("x/y.jpeg, x/y.jpg")),
        ("x/y.jpeg", twin.format("x/y.JPG, x/y.jpg")),
        ("x/y.jpg", twin.format("x/y.JPG, x/y.jpeg")),
    ]


def test_names_that_are_no_utf8_are_excluded(tmp_path):
    _touch(tmp_path, "fine.jpg")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb") as file:
        file.write(b"x")
    (only,) = list_images(tmp_path)[1]
    assert only == (r"caf\xe9.jpg", "must have a name in UTF-8. It is in another encoding.")


def test_side_files_and_left_out_folders_are_ignored(tmp_path):
    _touch(tmp_path, "a.jpg", "list_eval_partition.txt", "attributes.csv", "README", "x/LICENSE")
    _touch(tmp_path, ".hidden.png", ".cache/b.png", "CelebAMask-HQ-mask-anno/0/00000_skin.png")
    _touch(tmp_path, "made/c.png", "x/made/d.png", "x/more/e.png")
    images, excluded = list_images(tmp_path, exclude=("made", "x/more/"))
    assert [image.id for image in images] == ["a", "x/made/d"]
    assert excluded == []


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing` must be a folder of pictures"):
        list_images(tmp_path / "nothing")
    with pytest.raises(ValueError, match="must hold pictures, .* Got: none"):
        list_images(tmp_path)
    _touch(tmp_path, "b.webp", "a.webp", "readme.md")
    with pytest.raises(ValueError, match=r"Got: 2 other files, such as a\.webp"):
        list_images(tmp_path)


def test_a_folder_in_the_first_place_that_is_no_container_is_a_person(tmp_path):
    images = _images(
        tmp_path, "actors/faces/Ann/1.jpg", "actors/images/Ann/x/2.jpg", "Bob/1.jpg", "Cid/1.jpg",
        "CelebA-HQ-img/7.jpg", "8.jpg",
    )  # fmt: skip
    assert {image.id: image.identity for image in images} == {
        "8": "8",
        "Bob/1": "Bob",
        "Cid/1": "Cid",
        "CelebA-HQ-img/7": "CelebA-HQ-img/7",
        "actors/faces/Ann/1": "Ann",
        "actors/images/Ann/x/2": "Ann",
    }


def test_two_folders_are_no_persons(tmp_path):
    images = _images(tmp_path, "male/1.jpg", "female/2.jpg", "3.jpg")
    assert all(image.identity == image.id for image in images)


def test_pictures_are_loaded(tmp_path):
    write_image(tmp_path / "grey.png", np.full((3, 5), 7, np.uint8))
    (image,) = list_images(tmp_path)[0]
    np.testing.assert_array_equal(load_image(image.path), np.full((3, 5, 3), 7, np.uint8))
    with pytest.raises(ImageError, match="no such file"):
        load_image(str(tmp_path / "gone.png"))


def test_splits_by_folder_are_taken_whole(tmp_path):
    images = _images(
        tmp_path, "train/a.jpg", "train/x/b.jpg", "validation/c.jpg", "test/d.jpg", "test/e.jpg",
        "f.jpg", "testing/g.png",
    )  # fmt: skip
    _touch(tmp_path, "list_eval_partition.txt")  # comes second
    found = split_images(tmp_path, images, (1, 1))
    assert _ids(found) == {
        "train": ["train/a", "train/x/b"],
        "validation": ["validation/c"],
        "test": ["test/d", "test/e"],
    }
    reason = "must lie in train/, validation/ or test/, as other images do."
    assert found.excluded == [Excluded("f.jpg", reason), Excluded("testing/g.png", reason)]
    assert found.notes == ["divided by folders: train/, validation/, test/"]


def test_a_single_split_is_enough(tmp_path):
    found = split_images(tmp_path, _images(tmp_path, "test/a.jpg"), (5, 5))
    assert _ids(found) == {"test": ["test/a"]}


def test_persons_in_two_split_folders_are_reported(tmp_path):
    images = _images(tmp_path, *(f"{s}/{p}/1.jpg" for s in ("train", "test") for p in "ABC"))
    note = split_images(tmp_path, images, (1, 1)).notes[1]
    assert note.startswith("3 folders such as A stand in more than one split")


def _celeba(folder, suffix="txt", lines=None):
    """Twenty images of which the last four validate and test by the official list."""
    names = [f"{number:06d}.jpg" for number in range(1, 21)]
    comma = "," if suffix == "csv" else " "
    rows = [f"{name}{comma}{1 if i < 18 else 2}" for i, name in enumerate(names) if i >= 16]
    rows = [f"{name}{comma}0" for name in names[:16]] + rows
    head = ["image_id,partition"] if suffix == "csv" else []
    text = "\n".join(lines or head + rows) + "\n"
    _touch(folder, f"list_eval_partition.{suffix}", content=text.encode())
    return _images(folder, *(f"img_align_celeba/{name}" for name in names))


@pytest.mark.parametrize("suffix", ["txt", "csv"])
def test_official_division(tmp_path, suffix):
    found = split_images(tmp_path, _celeba(tmp_path, suffix), (9, 9))
    prefix = "img_align_celeba/0000"
    assert _ids(found) == {
        "train": [f"{prefix}{number:02d}" for number in range(1, 17)],
        "validation": [f"{prefix}17", f"{prefix}18"],
        "test": [f"{prefix}19", f"{prefix}20"],
    }
    assert found.excluded == []
    assert found.notes == [f"divided by CelebA's list_eval_partition.{suffix}"]


def test_official_division_is_cut_to_the_held_out_numbers(tmp_path):
    found = split_images(tmp_path, _celeba(tmp_path), (0, 1), train_limit=3)
    tests = ["img_align_celeba/000019", "img_align_celeba/000020"]
    trains = [f"img_align_celeba/{number:06d}" for number in range(1, 17)]
    assert _ids(found) == {"train": sorted(_by_hash(trains)[:3]), "test": [_by_hash(tests)[0]]}
    assert found.notes[1:] == [
        "validation: the first 0 of 2 images by hash",
        "test: the first 1 of 2 images by hash",
        "train: the first 3 of 16 images by hash",
    ]


def test_official_division_and_images_that_do_not_fit(tmp_path):
    _celeba(tmp_path)
    for number in (5, 20):
        (tmp_path / f"img_align_celeba/{number:06d}.jpg").unlink()
    found = split_images(tmp_path, _images(tmp_path, "more/me.png"), (9, 9))
    assert {split: len(ids) for split, ids in _ids(found).items()} == {
        "train": 15,
        "validation": 2,
        "test": 1,
    }
    name = "list_eval_partition.txt"
    assert found.excluded == [
        ("more/me.png", f"must be listed in {name}. It is not."),
        (name, "must list pictures that are there. 2 of 20 are not, such as 000005."),
    ]


def test_official_divisions_that_are_wrong_are_refused(tmp_path):
    images = _celeba(tmp_path, lines=["000001.jpg 0", "000002.jpg 3"])
    with pytest.raises(ValueError, match=r"partition\.txt, line 2: .* Got: '000002.jpg 3'"):
        split_images(tmp_path, images, (1, 1))
    images = _celeba(tmp_path, lines=["zebra.jpg 0"])
    with pytest.raises(ValueError, match="It lists none of the 20; without this file"):
        split_images(tmp_path, images, (1, 1))


def test_division_by_hash(tmp_path):
    names = [f"img_align_celeba/{number}" for number in range(50)]
    images = _images(tmp_path, *(f"{name}.jpg" for name in names))
    order = _by_hash(names)
    expected = {"train": order[5:], "validation": order[3:5], "test": order[:3]}
    found = split_images(tmp_path, images, (2, 3))
    assert _ids(found) == {split: sorted(ids) for split, ids in expected.items()}
    assert found.notes == ["divided by hash of file names: 45 train, 2 validation, 3 test"]
    assert split_images(tmp_path, images[::-1], (2, 3)) == found


@pytest.mark.parametrize(
    ("count", "held_out", "sizes"),
    [
        (50, (200, 200), {"train": 40, "validation": 5, "test": 5}),
        (59, (3, 200), {"train": 51, "validation": 3, "test": 5}),
        (3, (200, 200), {"train": 1, "validation": 1, "test": 1}),
        (20, (0, 200), {"train": 18, "test": 2}),
        (2, (0, 1), {"train": 1, "test": 1}),
        (1, (0, 0), {"train": 1}),
    ],
)
def test_of_few_images_a_tenth_is_held_out(tmp_path, count, held_out, sizes):
    images = _images(tmp_path, *(f"{number}.jpg" for number in range(count)))
    found = split_images(tmp_path, images, held_out)
    assert {split: len(ids) for split, ids in _ids(found).items()} == sizes
    assert sum(sizes.values()) == count


def test_too_few_images_are_refused(tmp_path):
    images = _images(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(ValueError, match="must hold at least 3 pictures to be divided.*Got: 2"):
        split_images(tmp_path, images, (10, 10))


def test_persons_stay_together(tmp_path):
    persons = [f"person{number:02d}" for number in range(20)]
    images = _images(tmp_path, *(f"{person}/{i}.jpg" for person in persons for i in range(5)))
    found = split_images(tmp_path, images, (10, 7))
    order = _by_hash(persons)
    people = {
        split: {image.identity for image in members} for split, members in found.images.items()
    }
    assert (
        people
        == {
            "test": set(order[:2]),  # 5 images are less than 7, 10 are enough
            "validation": set(order[2:4]),
            "train": set(order[4:]),
        }
    )
    assert found.notes == [
        "divided by hash of persons (20 folders): 80 train, 10 validation, 10 test"
    ]


def test_somebody_is_left_to_train_on(tmp_path):
    names = [f"{person}/{i}.jpg" for person, n in (("A", 1), ("B", 1), ("C", 90)) for i in range(n)]
    found = split_images(tmp_path, _images(tmp_path, *names), (9, 9))
    identities = [{image.identity for image in found.images[split]} for split in found.images]
    assert sorted(map(len, identities)) == [1, 1, 1]


def test_helen_is_a_test_set_of_its_own_where_asked(tmp_path):
    names = [f"{number}.jpg" for number in range(30)] + [f"helen/{n}_1.jpg" for n in range(5)]
    images = _images(tmp_path, *names)
    found = split_images(tmp_path, images, (3, 3), extra=("helen",))
    helen = [f"helen/{n}_1" for n in range(5)]
    assert _ids(found)["helen"] == sorted(_by_hash(helen)[:3])
    assert {split: len(ids) for split, ids in _ids(found).items()} == {
        "train": 24,
        "validation": 3,
        "test": 3,
        "helen": 3,
    }
    assert found.notes[1] == "helen: the first 3 of 5 images by hash"
    assert "helen" not in split_images(tmp_path, images, (3, 3)).images
    assert "helen" not in split_images(tmp_path, images[:30], (3, 3), extra=("helen",)).images


def test_numbers_are_checked(tmp_path):
    images = _images(tmp_path, "a.jpg")
    with pytest.raises(ValueError, match=r"`held_out` must not be negative. Got: \(-1, 3\)"):
        split_images(tmp_path, images, (-1, 3))
    with pytest.raises(ValueError, match="`train_limit` must be at least 1. Got: 0"):
        split_images(tmp_path, images, (0, 0), train_limit=0)
