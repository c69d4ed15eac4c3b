"""Build facts, and what importing cnorm brings in."""

from __future__ import annotations

import numpy as np
import pytest
from processes import run

import cnorm
from cnorm import _config


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    cnorm.show_config()
    text = capsys.readouterr().out
    for part in ("cnorm", cnorm.__version__, np.__version__, "instruction set", "threads"):
        assert part in text


def test_config_facts() -> None:
    facts = _config.config()
    names = [isa["name"] for isa in facts["isas"]]
    assert facts["isa"] in names
    assert facts["threads"] == cnorm.get_num_threads()
    assert next(i["available"] for i in facts["isas"] if i["name"] == facts["isa"])


def test_import_needs_neither_torch_nor_ml_dtypes() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['ml_dtypes'] = None\n"
        "import numpy as np, cnorm, cnorm.functional as F\n"
        "print(F.layer_norm(np.eye(2), (2,)).round().tolist())"
    )
    done = run(code)
    assert done.stdout.strip() == "[[1.0, -1.0], [-1.0, 1.0]]", done.stderr


def test_import_is_light() -> None:
    """Importing brings in NumPy and the standard library only."""
    code = "import sys, cnorm; print(*sorted({'torch', 'ml_dtypes', 'scipy', 'sklearn'} & set(sys.modules)))"
    assert run(code).stdout.strip() == ""
