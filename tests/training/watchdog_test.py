"""The report of a run that hangs."""

import time

from tfdeblur.training.watchdog import Watchdog


def _wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_silence_is_reported_with_the_stacks(tmp_path, caplog):
    path = tmp_path / "stacks.txt"
    with Watchdog(0.2, path) as dog:
        dog.alive("step 8")
        assert _wait_until(lambda: path.exists() and "_wait_until" in path.read_text())
    assert "No sign of life" in caplog.text and "step 8" in caplog.text
    assert path.read_text().startswith("0 s in: step 8")


def test_signs_of_life_and_a_watchdog_that_is_off_report_nothing(tmp_path):
    for seconds in (60.0, 0.0):
        with Watchdog(seconds, tmp_path / "stacks.txt") as dog:
            dog.alive("step 1")
            time.sleep(0.3)
    assert not (tmp_path / "stacks.txt").exists()


def test_each_silence_is_reported_once(tmp_path, caplog):
    with Watchdog(0.1, tmp_path / "stacks.txt") as dog:
        dog.alive("step 1")
        assert _wait_until(lambda: caplog.text.count("No sign of life") == 1)
        time.sleep(0.4)
        assert caplog.text.count("No sign of life") == 1
        dog.alive("step 2")
        assert _wait_until(lambda: caplog.text.count("No sign of life") == 2)
