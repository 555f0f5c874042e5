"""The report of a run that hangs."""

import re
import time

from tfdeblur.training.watchdog import Watchdog


def _stacks(folder):
    return "".join(path.read_text() for path in folder.glob("stacks-*.txt"))


def _wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_silence_is_reported_with_the_stacks(tmp_path, caplog):
    started = time.monotonic()
    with Watchdog(0.2, tmp_path / "run") as dog:
        dog.alive("step 8")
        assert _wait_until(lambda: "_wait_until" in _stacks(tmp_path / "run"))
    assert "No sign of life" in caplog.text and "step 8" in caplog.text
    told = re.match(r"(\d+) s in: step 8\n\n", _stacks(tmp_path / "run"))
    assert int(told[1]) <= round(time.monotonic() - started)  # On a quiet machine 0.


def test_a_folder_that_cannot_be_written_to_does_not_end_the_watch(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    with Watchdog(0.1, tmp_path / "file") as dog:
        for count in (1, 2):
            dog.alive("step 1")
            assert _wait_until(lambda n=count: caplog.text.count("cannot be written") == n)


def test_signs_of_life_and_a_watchdog_that_is_off_report_nothing(tmp_path):
    for seconds in (60.0, 0.0):
        with Watchdog(seconds, tmp_path) as dog:
            dog.alive("step 1")
            time.sleep(0.3)
    assert not list(tmp_path.iterdir())


def test_each_silence_is_reported_once(tmp_path, caplog):
    with Watchdog(0.1, tmp_path) as dog:
        dog.alive("step 1")
        assert _wait_until(lambda: caplog.text.count("No sign of life") == 1)
        time.sleep(0.4)
        assert caplog.text.count("No sign of life") == 1
        dog.alive("step 2")
        assert _wait_until(lambda: caplog.text.count("No sign of life") == 2)
