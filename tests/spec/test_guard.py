"""A guard: whatever option reaches outside of the spec is refused unless it is allowed, with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import AnyUrl, BaseModel, ValidationError

from vstar_sdk import ExecutorOptions, Guard, Options, OutputError, Session, SpecError, hookimpl, load_spec
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.nested import hint, nested
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.reach import File, Reaches, Repository, Server, Variable, marks_of
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import SpecLoader, load_section
from vstar_sdk.spec.run_spec import RunSpec, StartSpec
from vstar_sdk.spec.sweep_keys import SweepKeys

FIRST_PARTY = ("openai", "longvideo", "slurm", "example", "ray")
STORY = {"synopsis": {"use": "states", "states": ["winter", "autumn"]}}


def everything() -> Catalog:
    """The parts of the package and of its own plugins."""
    import importlib

    catalog = discovery.built_in_catalog()
    for name in FIRST_PARTY:
        catalog.add(Plugin(name, importlib.import_module(f"vstar_{name}"), f"vstar-{name}"))
    return catalog


CATALOG = everything()

OUTSIDE: dict[type, str] = {
    File: "/elsewhere/thing.jinja",
    Repository: "stranger/model",
    Server: "https://stranger.example/v1",
    Variable: "STRANGERS_KEY",
}
"""What is reached, for each kind of it."""

INSIDE: dict[type, str] = {
    File: "{root}/thing.jinja",
    Repository: "friend/model",
    Server: "https://friend.example/v1",
    Variable: "FRIENDS_KEY",
}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for item in get_args(annotation):
        yield from models_in(item)


def reaching(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], Reaches]]:
    """The options of a model that are marked, those of models inside it too; parts inside it are parts of their own."""
    for name in model.model_fields:
        for mark in marks_of(model, name):
            yield (name,), mark
        if name not in nested(model):
            for inner in models_in(hint(model, name)):
                yield from (((name, *path), mark) for path, mark in reaching(inner))


def tried() -> Iterator[Any]:
    for kind in KINDS:
        for part in CATALOG.parts(kind):
            for path, mark in reaching(part.options):
                for what, text in OUTSIDE.items():
                    if isinstance(mark.what(text, Path("/specs")), what):
                        yield pytest.param(kind, part.name, path, what, id=f"{part.name}:{'.'.join(path)}:{what.__name__}")


def filled(model: type[BaseModel], root: Path, path: tuple[str, ...] = (), text: str = "") -> dict[str, Any]:
    """Options with all that must be written, and one chosen text."""
    data: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        marks = marks_of(model, name)
        inner = next(models_in(hint(model, name)), None)
        if path and path[0] == name:
            if path[1:] and inner is not None:
                data[name] = [filled(inner, root, path[1:], text)]
            else:
                data[name] = text
        elif info.is_required() and name not in nested(model):
            data[name] = INSIDE[File].format(root=root) if marks else "name"
        elif any(isinstance(mark.what("FRIENDS_KEY", None), Variable) for mark in marks) and info.default is not None:
            data[name] = INSIDE[Variable]
        elif any(isinstance(mark.what(INSIDE[Server], None), Server) for mark in marks) and info.default is not None:
            data[name] = INSIDE[Server]
    return data


def placed(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """A spec that holds a part of a kind."""
    spec: dict[str, Any] = {"prompt": "a volcano wakes up"} | STORY
    if kind == "llm_backends":
        return spec | {"synopsis": {"use": "llm", "backend": options}}
    if kind == "synopses" and options["use"] == "llm":
        options = {"backend": {"use": "transformers", "model": "friend/model"}} | options
    place: Any = spec
    *above, last = KINDS[kind].path
    for key in above:
        place = place.setdefault(key, {})
    place[last] = [options] if KINDS[kind].many else options
    return spec


@pytest.fixture(scope="module")
def above(tmp_path_factory):
    return tmp_path_factory.mktemp("guard")


@pytest.fixture(scope="module")
def root(above):
    folder = above / "allowed"
    folder.mkdir()
    return folder


@pytest.fixture
def guard(root):
    return guarding(root)


def guarding(root: Path) -> Guard:
    return Guard(
        roots=(root,), hub=("friend/*",), hosts=("friend.example",), secrets=("FRIENDS_KEY",), plugins=FIRST_PARTY, output=root
    )


@pytest.fixture(scope="module")
def loaders(root):
    """Without a guard, and with it; the parts are gathered once."""
    return SpecLoader(), SpecLoader(guard=guarding(root))


TRIED = list(tried())
IN_A_SWEEP = [one for one in TRIED if one.values[0] == "executors"]
IN_A_RUN = [one for one in TRIED if one not in IN_A_SWEEP]


def test_options_of_every_sort_are_found():
    """Else the test below would try nothing."""
    names = {str(one.id) for one in TRIED}
    assert {"animatediff:loras.path:File", "wan:path:Repository", "llm:template:File", "transformers:model:File"} <= names
    assert {"anthropic:base_url:Server", "openai/chat:base_url:Server", "openai/chat:api_key_env:Variable"} <= names


@pytest.mark.parametrize(("kind", "name", "path", "what"), IN_A_RUN)
def test_every_option_that_reaches_outside_is_refused_with_its_place(kind, name, path, what, root, loaders):
    options = CATALOG.part(kind, name).options
    inside = placed(kind, {"use": name, **filled(options, root, path, INSIDE[what].format(root=root))})
    outside = placed(kind, {"use": name, **filled(options, root, path, OUTSIDE[what])})
    free, guarded = loaders
    guarded.load(Document(inside))
    free.load(Document(outside))
    with pytest.raises(SpecError) as refused:
        guarded.load(Document(outside))
    assert refused.value.path[-1] == path[-1]
    assert "guarded:" in refused.value.message
    told = {File: str(root), Repository: "friend/*", Server: "friend.example", Variable: "FRIENDS_KEY"}
    assert told[what] in refused.value.message


@pytest.mark.parametrize(("kind", "name", "path", "what"), IN_A_SWEEP)
def test_so_is_every_one_of_an_executor(kind, name, path, what, root, guard):
    """Which a spec of a sweep has; `vstar_sdk.sweeps.planning` has its section checked."""
    options = CATALOG.part(kind, name).options
    guard.check(options.model_validate(filled(options, root, path, INSIDE[what].format(root=root))), Document({}))
    with pytest.raises(SpecError, match="guarded: ") as refused:
        guard.check(options.model_validate(filled(options, root, path, OUTSIDE[what])), Document({}))
    assert refused.value.path == path


def suspicious() -> Iterator[str]:
    from vstar_sdk.testing.reach import unmarked

    for kind in KINDS:
        for part in CATALOG.parts(kind):
            yield from (f"{part.name}: {option}" for option in unmarked(part.options))
    yield from unmarked(RunSpec)


def test_no_option_of_the_package_looks_like_a_path_and_is_not_marked():
    assert list(suspicious()) == []


def test_a_run_that_is_gone_on_from(root, guard, tmp_path):
    def of(run: object):
        return {"prompt": "a volcano", "start": {"from": str(run), "keep": "0-3"}}

    load_spec(of(root / "winter"), guard=guard)
    with pytest.raises(SpecError, match=r"start\.from: leads outside") as refused:
        load_spec(of(tmp_path / "winter"), guard=guard)
    assert refused.value.path == ("start", "from")
    assert [path for path, _ in reaching(StartSpec)] == [("run",), ("first",), ("last",), ("clip",), ("into",)]


@pytest.mark.parametrize("key", ["first", "last", "clip", "into"])
def test_a_picture_or_clip_that_a_video_begins_with(root, guard, tmp_path, key):
    load_spec({"prompt": "a volcano", "start": {key: str(root / "a.png")}}, guard=guard)
    with pytest.raises(SpecError, match=rf"start\.{key}: leads outside"):
        load_spec({"prompt": "a volcano", "start": {key: str(tmp_path / "a.png")}}, guard=guard)


def test_links_and_dots_are_followed_first(root, guard, above):
    (above / "secret").mkdir()
    (root / "link").symlink_to(above / "secret")
    (above / "way-in").symlink_to(root)
    (root / "loop").symlink_to(root / "loop")
    for inside in (f"{root}/a/../b", f"{above}/way-in/b", f"{above}/secret/../allowed/b"):
        load_spec(STORY | {"model": {"use": "wan", "path": inside}}, guard=guard)
    for outside in (f"{root}/../secret", f"{root}/link", f"{root}/link/x", f"{root}-not", str(above), "~root/x", "/"):
        with pytest.raises(SpecError, match="leads outside"):
            load_spec(STORY | {"model": {"use": "wan", "path": outside}}, guard=guard)


def test_the_error_names_file_line_and_root(root, guard, tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text("synopsis: {states: [a volcano]}\nmodel:\n  use: wan\n  path: ../../etc\n")
    with pytest.raises(SpecError) as refused:
        load_spec(spec, guard=guard)
    assert refused.value.message == f"guarded: {spec}:4:3: model.path: leads outside of the folders that are allowed: {root}"
    assert refused.value.hint


def test_a_template_beside_the_spec_is_a_file_too(root, guard, tmp_path):
    for folder in (root, tmp_path):
        (folder / "templates").mkdir()
        (folder / "templates" / "key-states.jinja").write_text("")
        (folder / "story.yaml").write_text(
            "prompt: a\nsynopsis: {use: llm, template: key-states, backend: {use: transformers, model: friend/m}}\n"
        )
    load_spec(root / "story.yaml", guard=guard)
    with pytest.raises(SpecError, match=r"synopsis\.template: leads outside"):
        load_spec(tmp_path / "story.yaml", guard=guard)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://friend.example/v1", True),
        ("https://FRIEND.example:443/v1", True),
        ("http://friend.example/v1", False),
        ("http://open.example/v1", True),
        ("http://open.example:81/v1", False),
        ("ftp://friend.example/v1", False),
        ("friend.example", False),
        ("https://friend.example:8443/v1", False),
        ("https://friend.example.evil.example/v1", False),
        ("https://not-friend.example/v1", False),
        ("http://127.0.0.1:11434/v1", True),
        ("http://127.0.0.1:11435/v1", False),
        ("http://127.0.0.1/v1", False),
        ("http://localhost:11434/v1", False),
    ],
)
def test_servers_are_told_by_host_and_port(url, allowed):
    assert Guard(hosts=("friend.example", "127.0.0.1:11434", "http://open.example")).allows(Server(url)) is allowed


@pytest.mark.parametrize("host", ["https://friend.example", "friend.example/v1", "me@friend.example", "friend example", ""])
def test_what_is_no_host_is_refused(host):
    with pytest.raises(ValidationError, match="write a host"):
        Guard(hosts=(host,))


@pytest.mark.parametrize(
    "spec",
    [
        {"plugins": ["example"]},
        {"regularizers": [{"use": "example/anything"}]},
        {"sampling": {"noise": "longvideo/freenoise"}},
        {"plugins": ["not-installed"]},
    ],
)
def test_a_plugin_that_is_not_allowed_is_refused_and_not_imported(spec, monkeypatch):
    monkeypatch.setattr(discovery, "load_one", lambda *_: pytest.fail("it was imported"))
    with pytest.raises(SpecError, match=r"guarded: .*the plugin '.*' is not allowed: slurm"):
        load_spec({"prompt": "a"} | STORY | spec, guard=Guard(plugins=("slurm",)))


class _Files(Options):
    """An author's own options."""

    file: Path = Path("/etc/hostname")
    """A file."""
    many: dict[str, list[Path]] = {}  # noqa: RUF012
    """Files."""
    url: AnyUrl | None = None
    """A server."""


class _Plugin:
    namespace = "own"

    @hookimpl
    def register_metrics(self, register):
        register("files", options=_Files, factory=lambda options: options, summary="Reads.")


def test_options_of_the_types_of_paths_and_addresses_need_no_mark(root):
    def of(**options: object):
        return {"prompt": "a"} | STORY | {"metrics": [{"use": "own/files", **options}]}

    load_spec(of(file=str(root / "x")), plugins=[_Plugin()], guard=Guard(roots=(root,)))
    for options, place in (
        ({}, r"metrics\[0\]\.file"),  # its default is looked at, too
        ({"file": str(root), "many": {"a": [str(root), "/etc"]}}, r"metrics\[0\]\.many\.a\[1\]"),
        ({"file": str(root), "url": "https://stranger.example"}, r"metrics\[0\]\.url"),
    ):
        with pytest.raises(SpecError, match=place):
            load_spec(of(**options), plugins=[_Plugin()], guard=Guard(roots=(root,)))


class _Nowhere:
    """An executor that reads a file."""

    namespace = "nowhere"

    @hookimpl
    def register_executors(self, register):
        register("file", options=_ExecutorOptions, factory=lambda options: options, summary="Does nothing.")


class _ExecutorOptions(ExecutorOptions):
    file: Path
    """A file."""


def test_the_section_of_a_sweep_is_held_to_it(root):
    def load(file: object):
        document = Document({"executor": {"use": "nowhere/file", "file": str(file)}})
        return load_section(document, SweepKeys, [_Nowhere()], guard=Guard(roots=(root,)))

    load(root / "x")
    with pytest.raises(SpecError, match=r"guarded: executor\.file: leads outside"):
        load(root.parent)


class _Vault:
    """A plugin whose hooks have an option."""

    namespace = "vault"
    hook_options = _Files

    @hookimpl
    def on_step(self, event, options):
        pass


def test_options_of_hooks_are_looked_at_too(root):
    def load(file: object):
        spec = STORY | {"plugins": [{"use": "vault", "file": str(file)}]}
        return load_spec(spec, plugins=[_Vault()], guard=Guard(roots=(root,)))

    load(root / "x")
    with pytest.raises(SpecError, match=r"guarded: plugins\[0\]\.file: leads outside"):
        load(root.parent)


class _Thief:
    """A part whose options say nothing of what it asks for."""

    namespace = "thief"

    @hookimpl
    def register_metrics(self, register):
        register("keys", options=Options, factory=self.make, summary="Asks for a key.")

    @staticmethod
    def make(options, resolver):
        resolver.secret("STRANGERS_KEY")


def test_a_secret_that_is_not_allowed_is_given_to_no_part(monkeypatch):
    monkeypatch.setenv("STRANGERS_KEY", "value")
    spec = {"prompt": "a"} | STORY | {"metrics": [{"use": "thief/keys"}]}
    with pytest.raises(SpecError, match="STRANGERS_KEY is not allowed"), Session(guard=Guard()) as session:
        session.plan(spec, plugins=[_Thief()])


SMALL = {"prompt": "a volcano wakes up", "frames": 4, "size": "64x48", "sampling": {"steps": 1}, "output": [{"use": "frames"}]}


def test_a_guarded_session_writes_below_its_output_alone(root, tmp_path):
    with Session(guard=Guard(output=root)) as session:
        assert session.run(SMALL, out=root / "run").directory == root / "run"
        assert session.run(SMALL).directory is None
        (root / "out").symlink_to(tmp_path)
        for out in (tmp_path / "run", root / ".." / "run", root / "out" / "run"):
            with pytest.raises(OutputError, match="outside of"):
                session.start(SMALL, out=out)
            with pytest.raises(OutputError, match="outside of"):
                session.resume(out)
        assert not (tmp_path / "run").exists()
    with Session(guard=Guard()) as session, pytest.raises(OutputError, match="allows no output"):
        session.start(SMALL, out=root / "other")


def test_what_was_loaded_or_planned_without_the_guard_is_checked_again(root):
    spec = SMALL | {"start": {"from": "/elsewhere", "keep": "0"}}
    loaded = load_spec(spec)
    planned = Session().plan(SMALL | {"plugins": ["example"]})
    with Session(guard=Guard(output=root)) as session:
        with pytest.raises(SpecError, match=r"start\.from"):
            session.plan(loaded)
        with pytest.raises(SpecError, match="'example' is not allowed"):
            session.start(planned)


def test_a_guard_travels_with_what_it_was_held_to(root):
    import pickle

    loaded = load_spec(SMALL, guard=Guard(output=root))
    assert pickle.loads(pickle.dumps(loaded)).guard == Guard(output=root)  # noqa: S301
    with pytest.raises(OutputError, match="outside of"):
        Session().start(loaded, out=root.parent / "run")


def test_an_interrupted_run_goes_on_within_the_guard(root):
    from vstar_sdk import RunPaused

    spec = SMALL | {"sampling": {"steps": 2}, "plugins": ["example"]}
    with Session() as session, pytest.raises(RunPaused):
        session.start(spec, out=root / "run", pause_after=1).result()
    with Session(guard=Guard(output=root)) as session, pytest.raises(SpecError, match="'example' is not allowed"):
        session.resume(root / "run")
    with Session(guard=Guard(output=root, plugins=("example",))) as session:
        session.resume(root / "run").result()
