"""Killing trainings: the machinery on a make-believe training, and one real one."""

import sys

import pytest
from crash_consistency import TRAIN, compare_killed

# Counts to 40 in a file, so that it goes on where it was; every third step takes some time to write
# a checkpoint. What it prints last is a function of the steps that it made.
MAKE_BELIEVE = """
import hashlib, pathlib, sys, time
folder = pathlib.Path(sys.argv[-1].partition("=")[2])
latest = folder / "checkpoints" / "latest"
latest.mkdir(parents=True, exist_ok=True)
done = folder / "done"
steps = int(done.read_text()) if done.exists() else 0
FORGET
while steps < 40:
    time.sleep(0.03)
    steps += 1
    print(f"Step {steps} of 40, loss", file=sys.stderr, flush=True)
    if steps % 3 == 0:
        (latest / f"step-{steps}_temp").mkdir(exist_ok=True)
        time.sleep(0.1)
        (latest / f"step-{steps}_temp").rmdir()
        done.write_text(str(steps))
print("weights sha256:", hashlib.sha256(str(RESULT).encode()).hexdigest())
"""


def _command(result="steps", forget=""):
    script = MAKE_BELIEVE.replace("RESULT", result).replace("FORGET", forget)
    return [sys.executable, "-c", script]


def test_a_run_that_resumes_exactly_is_equal(tmp_path):
    lines = []
    equal = compare_killed(_command(), tmp_path, kills=5, writes=2, seed=0, report=lines.append)
    assert equal
    assert len(lines) == 7 and lines[0].startswith("not killed: ")
    assert sum("by write: step-" in line for line in lines) == 2
    assert lines[-1] == lines[0].replace("not killed", "killed 5 times")


def test_a_run_that_resumes_otherwise_is_found(tmp_path):
    """Its result depends on how often it was started."""
    count = (
        "starts = folder / 'starts'; "
        "starts.write_text(starts.read_text() + '.' if starts.exists() else '.')"
    )
    command = _command("starts.read_text()", count)
    assert not compare_killed(
        command, tmp_path, kills=2, writes=0, seed=0, report=lambda line: None
    )


def test_a_run_that_fails_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="must end well. Got: exit 3"):
        compare_killed(_command(forget="sys.exit(3)"), tmp_path, kills=1, writes=0, seed=0)


@pytest.mark.slow
def test_a_training_that_is_killed_ends_in_the_same_weights(tmp_path):
    arguments = (
        "--config=scgan_text:quicktest",
        "--config.model.width=4",
        "--config.model.objective=pixel",
        "--config.runtime.precision=mixed_bfloat16",
        "--config.train.steps=40",
        "--config.train.checkpoint_every=2",
        "--config.train.validate_every=20",
        "--config.train.log_every=1",
    )
    assert compare_killed((*TRAIN, *arguments), tmp_path, kills=2, writes=1, seed=0)
