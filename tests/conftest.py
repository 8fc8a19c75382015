"""Sizes of the property tests: `make test` takes the profile quick, `make test-long` more, a night long."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

for name, examples in {"quick": 40, "more": 400, "long": 5_000}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
