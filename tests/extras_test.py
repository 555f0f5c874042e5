"""The command that installs an extra, however the package was installed (PEP 610)."""

import json

import pytest

from tfdeblur import extras


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'tfdeblur[train]'"),
        (
            {"url": "file:///home/me/my%20tree", "dir_info": {}},
            "pip install '/home/me/my tree[train]'",
        ),
        (
            {"url": "file:///home/me/tree", "dir_info": {"editable": True}},
            "pip install -e '/home/me/tree[train]'",
        ),
        (
            {"url": "file:///tmp/tfdeblur-0.1.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'tfdeblur[train] @ file:///tmp/tfdeblur-0.1.0-py3-none-any.whl'",
        ),
        (
            {"url": "https://host/repo.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "pip install 'tfdeblur[train] @ git+https://host/repo.git@abc'",
        ),
    ],
)
def test_the_command_names_where_the_package_came_from(origin, command, monkeypatch):
    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return json.dumps(origin) if origin else None

    class Built:
        def read_text(self, name):
            return None

    monkeypatch.setattr(extras, "distributions", lambda name: [Built(), Installed()])
    assert extras.install_command("train") == command
    assert extras.install_command() == command.replace("[train]", "")


def test_a_tree_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(extras, "distributions", lambda name: [])
    assert extras.install_command("ocr") == "pip install 'tfdeblur[ocr]'"
