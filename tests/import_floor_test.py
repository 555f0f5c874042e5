"""Who may import whom: the floors of CONTRIBUTING.md, read from the source.

Imports inside functions count, and so do those by name (`import_module("tfdeblur.x")`).
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "tfdeblur": "tfdeblur",
    "tools": "tfdeblur_tools",
    "configs": "tfdeblur_configs",
    "datasets": "tfdeblur_datasets",
    "saved_models": "tfdeblur_models",
    "measurements": "measurements",
}
FLOORS = [  # bottom to top
    {"tfdeblur.stack", "tfdeblur.extras"},
    {"tfdeblur"},
    {"tfdeblur.images", "tfdeblur.command_line", "tfdeblur.rules"},
    {"tfdeblur.layers", "tfdeblur.losses", "tfdeblur.metrics", "tfdeblur.reporting"},
    {"tfdeblur.models", "tfdeblur.degradations", "tfdeblur.inference"},
    {"tfdeblur.data"},
    {"tfdeblur.evaluation", "tfdeblur.export", "tfdeblur_datasets"},
    {"tfdeblur.training"},
    {"tfdeblur.studies"},
    {"tfdeblur.benchmarks", "tfdeblur.demo"},
    {"tfdeblur_tools", "tfdeblur_configs", "measurements"},
]
FLOOR = {package: height for height, floor in enumerate(FLOORS) for package in floor}
KERAS = {"keras", "tf_keras"}
HEAVY = {"tensorflow", "tensorflow_addons", "tensorflow_datasets", "tensorboard", *KERAS}
LIGHT = ["tfdeblur/inference/*.py", "tfdeblur/images/files.py", "tfdeblur/images/resize.py"]
BY_NAME = {"import_module", "__import__"}


def sources(*patterns: str) -> list[Path]:
    """List source files that are no tests, below ROOT."""
    patterns = patterns or tuple(f"{folder}/**/*.py" for folder in FOLDERS)
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if not path.name.endswith("_test.py"))


def module_name(path: Path) -> str:
    """Name a file as it is imported: datasets/a/b.py is tfdeblur_datasets.a.b."""
    folder, *parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *(part for part in parts if part != "__init__")])


def imports(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of all that is imported anywhere in `tree`.

    `from a import b` yields a.b, which may be a module or a name in one.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _name(node.func) in BY_NAME:
            name = node.args[0]
            if isinstance(name, ast.JoinedStr) and name.values:
                name = name.values[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value.rstrip(".")


def _name(node: ast.expr) -> str:
    """Return the last part of what is called: `f` and `a.b.f` are both "f"."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def import_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that run when the module is imported: those outside of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from import_statements(child)


def package_of(name: str) -> str | None:
    """Return the package or file of FLOOR that a dotted name lies in; None: it is not ours."""
    parts = name.split(".")
    if parts[0] == "tfdeblur":
        return ".".join(parts[:2]) if len(parts) > 1 else "tfdeblur"
    return parts[0] if parts[0] in FOLDERS.values() else None


def breach(module: str, imported: str) -> str | None:
    """Return which rule an import breaks, or None."""
    own, other = package_of(module), package_of(imported)
    if imported.split(".")[0] == "tensorflow_addons":
        ok = module == "tfdeblur.layers.instance_norm"
        return None if ok else "only layers/instance_norm.py imports tensorflow_addons"
    if imported.split(".")[0] in KERAS or imported.startswith("tensorflow.keras"):
        return None if module == "tfdeblur.stack" else "only stack.py imports Keras"
    if other is None or other == own or imported == "tfdeblur" or other not in FLOOR:
        return _paper_breach(module, imported) if own == other == "tfdeblur.models" else None
    if other == "tfdeblur_datasets":
        ok = module == "tfdeblur_tools.builders"
        return None if ok else "only tools/builders.py touches datasets/"
    if other in ("tfdeblur_tools", "tfdeblur_configs"):
        return "nothing imports tools or configs"
    if own == "tfdeblur_configs":
        ok = imported.startswith(("tfdeblur.training.experiment.", "tfdeblur.models."))
        return None if ok else "configs import only training.experiment and models"
    ok = own in FLOOR and FLOOR[other] < FLOOR[own]
    return None if ok else f"{own} does not stand above {other}"


def _paper_breach(module: str, imported: str) -> str | None:
    paper = ".".join(imported.split(".")[:3])
    shared = ("tfdeblur.models.base", "tfdeblur.models.config")
    if module in shared:
        return None if paper in shared else f"{module} imports no paper"
    ok = paper in (module, *shared) or module == "tfdeblur.models"
    return None if ok else "no paper's file imports another paper's"


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_floors(path):
    module = module_name(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = f"{module}.__init__" if path.name == "__init__.py" else module
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {name}: {rule}"
        for line, name in imports(tree, package)
        if (rule := breach(module, name))
    ]
    assert not broken, "\n".join(broken)


def test_every_package_has_a_floor():
    packages = {package_of(module_name(path)) for path in sources()}
    assert packages - set(FLOOR) <= {"tfdeblur", "tfdeblur_models"}
    assert len(sources()) > 20


@pytest.mark.parametrize("path", sources(*LIGHT), ids=module_name)
def test_light_modules_load_the_base_install_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loaded = {
        name.split(".")[0]
        for statement in import_statements(tree)
        for _, name in imports(statement, module_name(path))
    }
    base = {"numpy", "cv2", "PIL", "absl", "tqdm", "ai_edge_litert", "tfdeblur"}
    assert loaded <= base | set(sys.stdlib_module_names)


def test_light_modules_import_where_tensorflow_is_missing():
    """In a process in which importing any of HEAVY fails."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(HEAVY)!r}))\n"
        "import tfdeblur.images.files, tfdeblur.images.resize\n"
        "import tfdeblur.inference.batch, tfdeblur.inference.restorer\n"
        "from tfdeblur_tools.main import main\n"
        "raise SystemExit(main(['models']))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_loads_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import tfdeblur\n"
        "others = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "assert others - sys.stdlib_module_names == {'tfdeblur'}, others"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_datasets_has_no_init_file():
    """Else a checkout on the path would shadow another well-known package."""
    assert not (ROOT / "datasets" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("module", "statement", "rule"),
    [
        ("tfdeblur.images.files", "import tfdeblur.layers.blocks", "does not stand above"),
        ("tfdeblur.losses.pixel", "from tfdeblur.metrics import fidelity", "does not stand above"),
        ("tfdeblur.export.gate", "def f():\n  from tfdeblur import training", "not stand above"),
        ("tfdeblur.data.pairs", "from ..export import gate", "does not stand above"),
        ("tfdeblur.models.scgan", "from .gfn import GFNConfig", "another paper's"),
        ("tfdeblur.models.base", "from tfdeblur.models import scgan", "imports no paper"),
        ("tfdeblur.models.scgan", "import tensorflow_addons as tfa", "only layers/instance_norm"),
        ("tfdeblur.layers.blocks", "import keras", "only stack.py imports Keras"),
        ("tfdeblur.models.gfn", "from tensorflow.keras import layers", "only stack.py"),
        ("tfdeblur.training.train", "import tfdeblur_configs", "nothing imports"),
        ("tfdeblur_tools.evaluate", "import_module('tfdeblur_datasets.x')", "tools/builders.py"),
        ("tfdeblur_tools.train", "x.import_module(f'tfdeblur_configs.{name}')", "nothing imports"),
        ("tfdeblur_configs.a", "from tfdeblur.losses.pixel import mse", "configs import only"),
        ("tfdeblur.models.scgan", "from tfdeblur.models.base import RestorationGAN", None),
        ("tfdeblur.models.scgan", "from tfdeblur.losses import pixel", None),
        ("tfdeblur.training.train", "from tfdeblur.images.files import write_json", None),
        ("tfdeblur.export.gate", "import tfdeblur", None),
        ("tfdeblur_tools.builders", "import tfdeblur_datasets", None),
        ("tfdeblur_configs.a", "from tfdeblur.training.experiment import Config", None),
        ("tfdeblur.layers.instance_norm", "import tensorflow_addons as tfa", None),
        ("tfdeblur.layers.blocks", "from tfdeblur.stack import keras", None),
        ("tfdeblur.stack", "import tf_keras", None),
    ],
)
def test_the_rules_themselves(module, statement, rule):
    """What this test forbids and allows, by example."""
    found = [breach(module, name) for _, name in imports(ast.parse(statement), module)]
    assert len(found) == 1
    assert found[0] is None if rule is None else found[0] is not None and rule in found[0]
