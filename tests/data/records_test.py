"""The order of records: every record once, anew in each epoch, begun anywhere."""

from typing import NamedTuple

import pytest
import tensorflow as tf

from tfdeblur.data import records
from tfdeblur.data.records import ShuffledRecords


class Part(NamedTuple):
    filename: str
    skip: int
    take: int


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Five files of 1 to 9 records, `file/number`; of the last, only 2 and 3 are taken."""
    folder = tmp_path_factory.mktemp("records")
    found = []
    for file, length in enumerate((5, 1, 9, 4, 6)):
        path = folder / f"{file}.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in range(length):
                writer.write(f"{file}/{number}".encode())
        found.append(Part(str(path), 0, length))
    found[4] = found[4]._replace(skip=2, take=2)
    return found


NAMES = {f"{file}/{number}" for file, length in enumerate((5, 1, 9, 4)) for number in range(length)}
NAMES |= {"4/2", "4/3"}
COUNT = len(NAMES)


def read(parts, buffer=4, *, seed=1, first=0, end=COUNT, threads=0):
    """Read from `first` on, or from each of several numbers, one stretch behind the other."""
    ordered = ShuffledRecords(parts, buffer)
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads

    def stretch(first):
        return ordered.chunks(tf.constant([seed, 0]), first, tf.constant(end, tf.int64)).unbatch()

    firsts = tf.constant([first] if isinstance(first, int) else list(first), tf.int64)
    names = tf.data.Dataset.from_tensor_slices(firsts).flat_map(stretch).with_options(options)
    return [name.decode() for name in names.as_numpy_iterator()]


@pytest.fixture(params=[2, 16])
def files_at_once(request, monkeypatch):
    """Groups that leave a remainder, and one group of all files."""
    monkeypatch.setattr(records, "FILES_AT_ONCE", request.param)


@pytest.mark.parametrize("buffer", [1, 4, 100])
def test_each_record_once_and_begun_anywhere(parts, files_at_once, buffer):
    whole = read(parts, buffer)
    assert ShuffledRecords(parts, buffer).count == COUNT == len(whole)
    assert set(whole) == NAMES
    stretches = [whole[first:-2] for first in range(COUNT - 1)]
    assert read(parts, buffer, first=range(COUNT - 1), end=COUNT - 2) == sum(stretches, [])


def test_number_of_threads_does_not_enter(parts, monkeypatch):
    monkeypatch.setattr(records, "FILES_AT_ONCE", 2)
    one = read(parts, threads=1)
    assert one == read(parts, threads=2) == read(parts, threads=8)


def test_epochs_differ_in_the_order_of_files_and_of_records(parts, monkeypatch):
    monkeypatch.setattr(records, "FILES_AT_ONCE", 1)
    orders = [read(parts, 3, seed=seed) for seed in range(3)]
    files = [list(dict.fromkeys(name[0] for name in order)) for order in orders]
    assert len({tuple(order) for order in files}) > 1
    inside = [[name for name in order if name[0] == "2"] for order in orders]
    assert len({tuple(order) for order in inside}) == 3


def test_records_of_a_group_alternate_before_they_are_shuffled(parts, monkeypatch):
    """A buffer of 1 shuffles nothing: the first five records are of the five files."""
    monkeypatch.setattr(records, "FILES_AT_ONCE", 5)
    order = read(parts, 1)
    assert {name[0] for name in order[:5]} == set("01234")
    assert [name for name in order if name[0] == "2"] == [f"2/{number}" for number in range(9)]


def test_files_of_groups_that_were_passed_are_not_opened(parts, monkeypatch):
    monkeypatch.setattr(records, "FILES_AT_ONCE", 1)
    order = read(parts)
    last_file = order[-1][0]
    first = next(at for at, name in enumerate(order) if name[0] == last_file)
    gone = [
        part if part.filename.endswith(f"{last_file}.tfrecord") else part._replace(filename="/gone")
        for part in parts
    ]
    assert read(gone, first=first) == order[first:]
    with pytest.raises(tf.errors.NotFoundError):
        read(gone, first=first - 1)
