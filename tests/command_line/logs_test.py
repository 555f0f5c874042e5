"""What reaches a terminal."""

import io
import sys
import warnings

from PIL import Image

from tfdeblur.command_line.logs import prepare_terminal


def test_names_that_a_terminal_cannot_show_are_escaped(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    prepare_terminal()
    print("results in zdj\u0119cia", flush=True)
    assert written.getvalue() == b"results in zdj\\u0119cia\n"


def test_warnings_of_pillow_do_not_appear(monkeypatch, recwarn):
    monkeypatch.setattr(sys, "warnoptions", [])
    prepare_terminal()
    warnings.warn_explicit("corrupt", UserWarning, Image.__file__, 1, module="PIL.Image")
    assert not recwarn.list
