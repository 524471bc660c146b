"""What templates of strangers try: each is refused with a TemplateError, soon, whatever it is."""

from __future__ import annotations

import os
import threading

import pytest
from jinja2.exceptions import SecurityError

from vstar_sdk.errors import TemplateError
from vstar_sdk.templating import templates
from vstar_sdk.templating.rendering import render
from vstar_sdk.templating.sandbox import blocks, process
from vstar_sdk.templating.sandbox.environment import environment
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Refusal

VALUES = {"prompt": "a kite rises", "style": "", "states": 4, "frames": 64, "fps": 8.0, "seconds": 8.0}
NAMES = Names(declared=frozenset(VALUES), withheld=frozenset({"prompt", "style"}), given=frozenset(VALUES))
HEAD = "---\nname: mine\nversion: 1\ninputs: [prompt, style, states, frames, fps, seconds]\n---\n"
LOOPS = "{% for i in range(1000) %}"

ATTRIBUTES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''[('__cl' ~ 'ass__')] }}",
    "{{ '' | attr('__class__') }}",
    "{{ '' | attr(['__cl', 'ass__'] | join) }}",
    "{{ [''] | map(attribute='__class__') | list }}",
    "{{ [''] | sort(attribute='__class__') }}",
    "{{ [''] | groupby('__class__') }}",
    "{{ [''] | selectattr('__class__') | list }}",
    "{{ [''] | sum(attribute='__class__') }}",
    "{{ [''] | unique(attribute='__class__') | list }}",
    "{{ prompt.format.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ loop.__class__ }}",
    "{% for i in range(2) %}{{ loop._iterable }}{% endfor %}",
    "{% for i in range(2) %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{{ range.__self__ }}",
    "{{ (range | string).__class__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ dict.__base__.__subclasses__() }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ (1).__class__.__base__ }}",
    "{{ [].append(1) }}",
    "{{ prompt.upper() }}",
    "{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}",
    "{{ super() }}",
    "{{ self.system() }}",
    "{{ caller() }}",
    "{{ range(*[1, 2]) }}",
    "{{ ''.join([1]) }}",
    "{{ prompt is callable }}",
    "{{ prompt is filter('attr') }}",
    "{{ debug() }}",
    "{% debug %}",
]

FORMATS = [
    "{{ '{0.__class__.__mro__}'.format(prompt) }}",
    "{{ '{0.__class__}'.format_map({0: prompt}) }}",
    "{{ '{0.__class__}' | format(prompt) ~ ''.format }}",
    "{{ ('{0.__class__}' | string).format(prompt) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%.1000000000f' | format(1.5) }}",
    "{{ '%*d' | format(1000000000, 1) }}",
    "{{ '%(a)1000000000s' | format(a=1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%s' % prompt }}",
]

SIZES = [
    "{{ 'a' * 10 ** 9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 1000000000 * 'a' }}",
    "{{ [0] * 1000000000 }}",
    "{{ (0,) * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 2 ** 1000000000 }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a' | indent(1000000000, first=true) }}",
    "{{ 'a' | indent('a' * 1000000000) }}",
    "{{ 'a' | wordwrap(1) }}",
    "{{ [1] | batch(1000000000, 'a') | list }}",
    "{{ [1] | slice(1000000000) | list }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ 'a'.zfill(1000000000) }}",
    "{{ '\t'.expandtabs(1000000000) }}",
    "{{ ('a' | replace('a', 'aaaaaaaa')) " + "| replace('a', 'aaaaaaaa')" * 12 + " }}",
    "{{ range(1000) | join('" + "a" * 1000 + "') }}",
    "{{ range(1000000000) | list }}",
    "{{ range(0, 1000000000000000000000, 1) | length }}",
    "{{ range(1000000000000000000000, 0, -1) | length }}",
    "{{ 5 | round(-1000000000) }}",
    "{{ 1.5 | round(1000000000) }}",
    "{{ 1.5 | round(1000000000, 'ceil') }}",
    "{{ lipsum(n=1000000) }}",
    "{{ 'http://' | urlize(1000000000) }}",
    "{{ {'a': 1} | xmlattr }}",
    "{{ [[[1]]] | pprint }}",
    "{{ 0x" + "f" * 50000 + " }}",
    "{{ 1" + "0" * 5000 + " }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 60 + "{{ a }}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 60 + "{{ a | tojson }}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 60 + "{{ a == [1] or a | join }}",
    "{% set a = 9999999 %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
    "{% set a %}" + LOOPS * 3 + "aaaa" + "{% endfor %}" * 3 + "{% endset %}{{ a }}",
    "{% filter upper %}" + LOOPS * 3 + "aaaa" + "{% endfor %}" * 3 + "{% endfilter %}",
    LOOPS * 3 + "aaaa" + "{% endfor %}" * 3,
]

TIMES = [
    LOOPS * 6 + "{% endfor %}" * 6,
    LOOPS * 4 + "{% set a = 1 / 3 %}" + "{% endfor %}" * 4,
    LOOPS * 6 + "{% if i > 1000 %}{{ i }}{% endif %}" + "{% endfor %}" * 6,
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% call m() %}{% endcall %}{% endcall %}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 60 + "{% if a != a ~ '' %}{% endif %}",
    "{% set a = [1] %}{% set b = [1] %}"
    + "{% set a = [a, a, a, a] %}{% set b = [b, b, b, b] %}" * 40
    + "{% if a == b %}{{ prompt }}{% endif %}",
    "{% while true %}{% endwhile %}",
    "{% include 'mine.jinja' %}",
    "{% import '/etc/passwd' as a %}{{ a }}",
    "{% from 'os' import system %}",
    "{% extends '/etc/passwd' %}",
    "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
    "{{ " + "-" * 50000 + "1 }}",
    "{{ " + "not " * 10000 + "1 }}",
    "{{ 1" + " + 1" * 15000 + " }}",
    "{{ prompt" + " | upper" * 5000 + " }}",
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "{{ [" * 5000,
    "{{ '" + "\\" * 40001,
    "{%" + " " * 60000,
    "{#" * 30000,
]


@pytest.fixture
def stranger(tmp_path):
    """Fills in a stranger's template whose user block is given."""

    def make(user):
        text = f"{HEAD}{{% block system %}}Be brief.{{% endblock %}}\n{{% block user %}}{user}{{% endblock %}}\n"
        (tmp_path / "mine.jinja").write_text(text)
        return render(templates.load("./mine.jinja", folder=tmp_path), VALUES)

    return make


ABUSES = [*ATTRIBUTES, *FORMATS, *SIZES, *TIMES]
QUICK = [*ATTRIBUTES[::4], *FORMATS[::3], *SIZES[::4], *TIMES[::4]]


def test_there_are_many():
    assert len(set(ABUSES)) == len(ABUSES) > 100


def is_refused(stranger, user):
    before = os.times()
    with pytest.raises(TemplateError) as caught:
        stranger(user)
    after = os.times()
    assert "mine.jinja" in caught.value.message
    assert "process that rendered it failed" not in caught.value.message
    # Processor time, not the clock's: the machine may be busy.
    assert sum(after[:4]) - sum(before[:4]) < 2


@pytest.mark.parametrize("user", QUICK, ids=lambda user: user[:50])
def test_an_abuse_is_refused(stranger, user):
    is_refused(stranger, user)


@pytest.mark.slow
@pytest.mark.parametrize("user", [user for user in ABUSES if user not in QUICK], ids=lambda user: user[:50])
def test_all_other_abuses_are_refused(stranger, user):
    is_refused(stranger, user)


def test_what_takes_too_long_is_ended_by_its_processor_time(stranger):
    with pytest.raises(TemplateError, match="takes too long"):
        stranger(LOOPS * 6 + "{% endfor %}" * 6)


def test_what_waits_is_ended_by_the_clock(monkeypatch):
    program = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import time, vstar_sdk.templating.sandbox.child as child\n"
        "child.LONGEST = 0.3\n"
        "child._answer = lambda question: time.sleep(5) or {}\n"
        "child.main()"
    )
    monkeypatch.setattr(process, "_PROGRAM", program)
    with pytest.raises(Refusal, match="takes too long"):
        process.fill("", NAMES, {}, {})


def test_the_second_wall_holds_without_the_first(monkeypatch):
    """Even were every construct overlooked by the language check, the environment refuses them all."""
    overlooked = []
    monkeypatch.setattr(blocks.language, "problems", lambda tree, names: overlooked.append(tree) or [])
    walls = (*ATTRIBUTES, *FORMATS, "{{ prompt.upper }}", "{{ prompt.upper() }}", "{{ prompt['upper'] }}")
    for user in walls:
        with pytest.raises(Refusal):
            blocks.fill(f"{{% block system %}}.{{% endblock %}}{{% block user %}}{user}{{% endblock %}}", NAMES, {}, VALUES)
    assert len(overlooked) >= len(walls) - 1, "only one of them is refused before: it does not parse"


@pytest.mark.parametrize("read", ["getattr", "getitem"])
def test_the_environment_gives_no_attribute_however_harmless(read):
    with pytest.raises(SecurityError):
        getattr(environment(), read)("a text", "upper")


def test_the_child_knows_no_secrets_and_opens_no_files(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    program = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import os, json, vstar_sdk.templating.sandbox.child as child\n"
        "def attack(question):\n"
        "    told = dict(secret=[v for v in os.environ.values() if 'secret' in v])\n"
        "    for name, act in dict(read=lambda: open('/etc/passwd'), pipe=lambda: os.pipe()).items():\n"
        "        try: told[name] = str(act())\n"
        "        except OSError as error: told[name] = 'refused'\n"
        "    import resource\n"
        "    told['limits'] = [resource.getrlimit(getattr(resource, name))[0] for name in ('RLIMIT_NPROC', 'RLIMIT_FSIZE')]\n"
        "    return told\n"
        "child._answer = attack\n"
        "child.main()"
    )
    monkeypatch.setattr(process, "_PROGRAM", program)
    assert process._ask({}) == {"secret": [], "read": "refused", "pipe": "refused", "limits": [0, 0]}


def test_a_child_that_breaks_is_a_refusal(monkeypatch):
    for program in ("import os; os.abort()", "raise SystemExit(3)", "print('no JSON')", "1 / 0"):
        monkeypatch.setattr(process, "_PROGRAM", program)
        with pytest.raises(Refusal, match="process that rendered it failed"):
            process.fill("", NAMES, {}, {})


def test_memory_is_bounded(monkeypatch):
    program = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import vstar_sdk.templating.sandbox.child as child\n"
        "child._answer = lambda question: 'a' * (2 << 30)\n"
        "child.main()"
    )
    monkeypatch.setattr(process, "_PROGRAM", program)
    with pytest.raises(Refusal, match="needs more than 512 MB"):
        process.fill("", NAMES, {}, {})


def test_without_a_python_to_start_it_says_so(monkeypatch):
    for name, value in (("executable", ""), ("executable", "/no/python"), ("frozen", True)):
        with monkeypatch.context() as patch:
            patch.setattr(f"sys.{name}", value, raising=False)
            with pytest.raises(TemplateError, match=r"no Python interpreter to start|cannot be started"):
                process.fill("", NAMES, {}, {})


def test_many_threads_fill_in_at_once(stranger, tmp_path):
    stranger("{{ prompt }}")
    template = templates.load("./mine.jinja", folder=tmp_path)
    said = []

    def work(number):
        said.append(render(template, VALUES | {"prompt": f"kite {number}"}).user)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [f"kite {number}" for number in range(8)]


def test_the_child_finds_its_packages_wherever_this_process_did(stranger, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jinja2.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))
    assert stranger("{{ prompt }}").user == "a kite rises"


def test_what_the_language_has(stranger):
    said = stranger(
        "{% set words = prompt | upper ~ '!' %}{{ words }}|{{ states + 1 }}|{{ 7 // 2 }}|{{ -(7 % 4) }}|"
        "{% for i in range(1, 4) if i != 2 %}{{ loop.index }}:{{ i }}{% if not loop.last %}, {% endif %}"
        "{% else %}none{% endfor %}|"
        "{{ 'long' if seconds > 5 else 'short' }}|{{ '%03d %.2f %s%%' | format(states, fps, prompt | length) }}|"
        "{{ [1, 'a'] | join('-') }}|{{ [1, 'a', none] | tojson }}|{{ prompt[2:6] }}{{ prompt[0] }}|{{ ' a ' | trim | title }}|"
        "{{ style | default('plain', true) }}|{{ 2.345 | round(1) }}|{{ 'a-b' | replace('-', '+') }}|{{ prompt is string }}|"
        "{{ 'kite' in prompt }}|{{ [3, 4] | first }}{{ 'xy' | list | last }}|{{ '3' | int }}{{ -1 | abs }}"
    ).user
    assert said == ('A KITE RISES!|5|3|-3|1:1, 2:3|long|004 8.00 12%|1-a|[1, "a", null]|kitea|A|plain|2.3|a+b|True|True|3y|31')
