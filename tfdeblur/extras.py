"""How to install an extra of this package, given how the package itself was installed."""

import json
from importlib.metadata import distributions
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def install_command(extra: str = "") -> str:
    """Return the pip command that installs this package with an extra.

    A folder, an archive or a repository that it was installed from is named again (PEP 610), as
    pip would not find it by the package's name.

    Args:
      extra: such as `train`; empty for the base install.
    """
    wanted = f"tfdeblur[{extra}]" if extra else "tfdeblur"
    origin = _origin()
    if "dir_info" in origin:
        folder = url2pathname(urlsplit(origin["url"]).path)
        option = "-e " if origin["dir_info"].get("editable") else ""
        return f"pip install {option}'{folder}{wanted.removeprefix('tfdeblur')}'"
    if "vcs_info" in origin:
        made_from = origin["vcs_info"]
        url = f"{made_from['vcs']}+{origin['url']}@{made_from['commit_id']}"
        return f"pip install '{wanted} @ {url}'"
    if "url" in origin:
        return f"pip install '{wanted} @ {origin['url']}'"
    return f"pip install '{wanted}'"


def _origin() -> dict[str, Any]:
    """Read where pip took the package from; empty for an index, or a tree that is not installed.

    In a source tree, the build's own metadata come first on the path, and say nothing of it.
    """
    for installed in distributions(name="tfdeblur"):
        text = installed.read_text("direct_url.json")
        if text:
            return json.loads(text)
    return {}
