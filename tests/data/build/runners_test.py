"""One process, four Beam workers and a job service with foreign workers write the same bytes."""

import dataclasses
import functools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfdeblur.data.build import runners
from tfdeblur.data.build.prepare import prepare
from tfdeblur_datasets.blurred_text import blurred_text_dataset_builder as blurred_text

SMALL = dataclasses.replace(
    blurred_text.X4, name="x4_small", count=64, held_out=(2, 2), examples_per_shard=16
)


def _build(data_dir, runner=None, options=None):
    make_builder = functools.partial(blurred_text.Builder, config=SMALL, data_dir=data_dir)
    prepared = prepare(make_builder, beam_runner=runner, beam_options=options)
    folder = Path(prepared.builder.data_dir)
    return {path.name: path.read_bytes() for path in folder.glob("*.tfrecord*")}


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    files = _build(tmp_path_factory.mktemp("one"))
    assert len(files) == 6  # 4 + 1 + 1
    return files


def test_four_workers_write_the_same_bytes(one_process, tmp_path):
    files = _build(tmp_path, "DirectRunner", {"direct_num_workers": "4"})
    assert files == one_process


def _free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait_for(port, process, seconds=90):
    for _ in range(seconds * 10):
        assert process.poll() is None, "the service ended"
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens at {port} after {seconds} s")


@pytest.fixture
def cluster(tmp_path):
    """Beam's job service and a pool of workers, each a process of its own; returns the options."""
    ports = job, pool = _free_port(), _free_port()
    # The pool starts plain `python`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = (
        ("apache_beam.runners.portability.local_job_service_main", f"--port={job}"),
        ("apache_beam.runners.worker.worker_pool_main", f"--service_port={pool}"),
    )
    services = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        for port, service in zip(ports, services, strict=True):
            _wait_for(port, service)
        yield {
            "job_endpoint": f"localhost:{job}",
            "environment_type": "EXTERNAL",
            "environment_config": f"localhost:{pool}",
        }
    finally:
        for service in services:
            service.terminate()
        for service in services:
            service.wait(30)


def test_a_job_service_writes_the_same_bytes(one_process, cluster, tmp_path):
    assert _build(tmp_path / "data", "PortableRunner", cluster) == one_process


def test_a_runner_that_loses_its_output_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("tfdeblur.data.build.builder.run", lambda work, todo, *_: work(todo[0]))
    with pytest.raises(ValueError, match="5 of 6 files were not written, .* among them"):
        _build(tmp_path)
    assert not (tmp_path / "blurred_text" / "x4_small" / "1.1.0").exists()


def test_direct_runner_takes_all_cores_unless_told():
    options = runners.pipeline_options("DirectRunner", {}).get_all_options(drop_default=True)
    assert options["direct_running_mode"] == "multi_processing"
    options = runners.pipeline_options("DirectRunner", {"direct_num_workers": "3"})
    assert options.get_all_options()["direct_num_workers"] == 3
    portable = runners.pipeline_options("PortableRunner", {"job_endpoint": "localhost:1"})
    assert portable.get_all_options()["job_endpoint"] == "localhost:1"


def test_beam_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    with pytest.raises(ValueError, match=r"needs the extra `beam`: pip install .*\[beam\]"):
        runners.pipeline_options("DirectRunner", {})
