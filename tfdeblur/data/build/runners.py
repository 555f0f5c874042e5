"""Write shards in this process, on all cores or on a cluster (Apache Beam)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from tfdeblur.data.build.shards import Shard, ShardReport
from tfdeblur.extras import install_command

DIRECT_RUNNER = "DirectRunner"
# One process for each core of this machine: threads would share Python's lock.
_ALL_CORES = {"direct_running_mode": "multi_processing", "direct_num_workers": "0"}


def run(
    work: Callable[[Shard], ShardReport],
    todo: Sequence[Shard],
    beam_runner: Any = None,
    beam_options: Any = None,
) -> None:
    """Write each shard, here or with Beam.

    Args:
      work: writes a shard; it is pickled for Beam.
      todo: the shards.
      beam_runner: None: this process; else a Beam runner or its name.
      beam_options: `apache_beam.options.pipeline_options.PipelineOptions` or None.
    """
    if not todo:
        return
    if beam_runner is None:
        for shard in tqdm(todo, unit="file", disable=None):
            work(shard)
        return
    import apache_beam as beam

    with beam.Pipeline(runner=beam_runner, options=beam_options) as pipeline:
        _ = (
            pipeline
            | "shards" >> beam.Create(list(todo))
            | "spread" >> beam.Reshuffle()
            | "write" >> beam.Map(work)
        )


def pipeline_options(beam_runner: str, given: Mapping[str, str]):
    """Build Beam's options for a runner.

    Args:
      beam_runner: `DirectRunner` gets a process for each core unless `given` says otherwise.
      given: options by name, as on Beam's command line without the dashes.

    Raises:
      ValueError: Beam is not installed.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ValueError(
            f"`--beam_runner` needs the extra `beam`: {install_command('beam')}"
        ) from error
    chosen = {**(_ALL_CORES if beam_runner == DIRECT_RUNNER else {}), **given}
    # If the list were empty, Beam would look for its flags in sys.argv.
    flags = [f"--runner={beam_runner}", *(f"--{name}={value}" for name, value in chosen.items())]
    return PipelineOptions(flags)
