"""The kit's own check of models."""

import pytest

from tests.tiny_models import spec
from vstar_sdk import load_spec
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model


@pytest.mark.parametrize("family", ["modelscope", "animatediff"])
def test_the_model_is_well(models, family):
    check_model(make_plan(load_spec(spec(models[family]))).source, frames=5, width=16, height=16)
