"""The kernels package, which puts layers into models of transformers."""

from __future__ import annotations

from typing import Any

from cnorm.interop._require import require

require("transformers", "transformers")
kernels: Any = require("kernels", "transformers")
