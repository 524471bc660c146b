"""The models of a session: kept warm, limited in number, unloaded, and not held by results."""

from __future__ import annotations

import gc
import shutil
import weakref
from types import SimpleNamespace

import pytest

from vstar_sdk import Session, run, start
from vstar_sdk.runs.models import Models

STORY = {"prompt": "a landscape from winter to autumn", "frames": 4, "sampling": {"steps": 2}}


def tiny(folder):
    model = {"use": "modelscope", "path": str(folder)}
    return STORY | {"model": model, "size": [16, 16], "synopsis": {"use": "states", "states": ["a"]}, "regularizers": []}


def gone(reference):
    gc.collect()
    return reference() is None


def test_a_result_does_not_keep_an_unloaded_model_alive_and_loads_it_again():
    with Session() as session:
        result = session.run(STORY)
        first = weakref.ref(result.adapter)
        assert session.models == ("miniworld",)
        before = [frame.copy() for frame in result.frames()]
        session.unload()
        assert session.models == ()
        assert gone(first)
        assert all((new == old).all() for new, old in zip(result.frames(), before, strict=True))
        assert session.models == ("miniworld",)
        last = weakref.ref(result.adapter)
    assert gone(last)
    assert all((new == old).all() for new, old in zip(result.frames(), before, strict=True))
    assert session.models == ()


def test_models_are_unloaded_by_name(tiny_pipeline_dir):
    with Session() as session:
        session.run(STORY)
        session.run(tiny(tiny_pipeline_dir))
        assert session.models == ("miniworld", "modelscope")
        session.unload("miniworld")
        assert session.models == ("modelscope",)
        session.unload("miniworld")


def test_beyond_the_limit_the_model_that_was_used_least_recently_goes(tiny_pipeline_dir, tmp_path):
    copy = shutil.copytree(tiny_pipeline_dir, tmp_path / "copy")
    with Session(max_models=2) as session:
        session.run(STORY)
        kept = session.run(tiny(tiny_pipeline_dir)).adapter
        session.run(STORY)
        again = session.run(tiny(tiny_pipeline_dir)).adapter
        assert again is kept
        session.run(tiny(copy))
        assert session.models == ("modelscope", "modelscope")
    with Session(max_models=1) as session:
        first = weakref.ref(session.run(STORY).adapter)
        session.run(tiny(tiny_pipeline_dir))
        assert session.models == ("modelscope",)
        assert gone(first)
    with pytest.raises(ValueError, match="at least 1"):
        Session(max_models=0)


@pytest.mark.parametrize("most", [1, 4, None])
def test_as_many_are_kept_as_may_be(most):
    def plan(name):
        options = SimpleNamespace(part=name, model_dump_json=lambda **_: name, ONE_AT_A_TIME=())
        resolver = SimpleNamespace(device=lambda _: "cpu")
        loaded = SimpleNamespace(catalog=SimpleNamespace(resolver=resolver))
        source = SimpleNamespace(load=lambda device, dtype: object())
        return SimpleNamespace(spec=SimpleNamespace(model=options), loaded=loaded, source=source)

    models = Models(most)
    for count in range(1, 7):
        models.get(plan(str(count)))  # pyright: ignore[reportArgumentType]
        kept = min(count, most or count)
        assert models.names == tuple(map(str, range(count - kept + 1, count + 1)))


def test_the_model_of_a_run_alone_lives_as_long_as_its_result():
    for make in (run, lambda spec: start(spec).result()):
        result = make(STORY)
        adapter = weakref.ref(result.adapter)
        assert result.adapter is adapter()
        del result
        assert gone(adapter)
