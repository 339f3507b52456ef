"""Broken configurations: each is told with its line, the offending value and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.config.sample import MINIMAL, problems_of, written


class Broken(NamedTuple):
    """Lines after MINIMAL's five (with whole: all of them) and what must be told; said and hint are parts of it."""

    name: str
    text: str
    line: int
    path: str
    value: str
    said: str
    hint: str
    whole: bool = False


_W = "workflows:\n  w:\n    candidates: [m]\n"

BROKEN = [
    # YAML itself
    Broken("tab", "version: 1\n\topen: true\n", 2, "", r"'\t'", "not YAML", "indentation", True),
    Broken("open bracket", "version: 1\nproviders: {a: [\n", 3, "", "end of file", "not YAML", "brackets", True),
    Broken("control character", "version: 1\nopen: \x01\n", 2, "", r"'\x01'", "may not stand", "remove", True),
    Broken("two documents", "version: 1\n---\nversion: 1\n", 2, "", "---", "second document", "include", True),
    Broken("a tag", "version: !!python/none 1\n",
           1, "", "tag:yaml.org,2002:python/none", "is a tag", "remove it", True),
    Broken("no anchor", "version: 1\nopen: *x\n", 2, "", "*x", "no anchor", "define it first", True),
    Broken("empty", "# nothing\n", 1, "", "", "is empty", "version: 1", True),
    Broken("a list", "- version: 1\n", 1, "", "a list", "is not a configuration", "version: 1", True),
    Broken("a list as a name", "version: 1\n[a, b]: 1\n", 2, "", "a list", "cannot be a name", "plain text", True),
    Broken("duplicate key", "open: true\n", 6, "open", "open", "here twice; first on line 2", "keep one"),
    # names and types
    Broken("unknown key", "listne: 127.0.0.1:1\n", 6, "listne", "listne", "is not a setting", "did you mean listen?"),
    Broken("unknown key below", _W + "    timers: {stal: 3s}\n",
           9, "workflows.w.timers.stal", "stal", "is not a setting", "stall"),
    Broken("merge key", "limits: {<<: {body: 1MiB}}\n", 6, "limits.<<", "<<", "is not a setting", "known:"),
    Broken("no version", "open: true\nproviders: {a: {vendor: vllm, models: [m]}}\n",
           1, "version", "", "is missing", "version", True),
    Broken("version 2", MINIMAL.replace("1", "2", 1), 1, "version", "2", "is not from 1 to 1", "choose 1", True),
    Broken("a boolean by its old name", "allow_literal_secrets: yes\n",
           6, "allow_literal_secrets", "yes", "true or false", "true"),
    Broken("a number as text", _W + "    owner: 42\n",
           9, "workflows.w.owner", "42", "reads it as a number", 'quotes: "42"'),
    Broken("a list where a mapping is", "limits: [1]\n", 6, "limits", "a list", "is not a mapping", "body"),
    Broken("a scalar where a list is", "include: conf.d\n", 6, "include", "conf.d", "is not a list", "[a, b]"),
    Broken("a name with @", "workflows: {'a@b': {candidates: [m]}}\n",
           6, "workflows.a@b", "a@b", "is not a name", "without @"),
    # quantities
    Broken("duration without a unit", "grace: 30\n", 6, "grace", "30", "is not a duration", "perhaps 30s"),
    Broken("duration of a wrong unit", "grace: 30sec\n", 6, "grace", "30sec", "is not a duration", "us ms s m h d"),
    Broken("deadline too long", _W + "    objective: {deadline: 9d}\n",
           9, "workflows.w.objective.deadline", "9d", "10ms to 1d", "1d"),
    Broken("size without a unit", "limits: {body: 4}\n", 6, "limits.body", "4", "is not a size", "perhaps 4MiB"),
    Broken("percentage", _W + "    objective: {success: 0.999}\n",
           9, "workflows.w.objective.success", "0.999", "percentage", "99.9%"),
    Broken("money", _W + "    recover: {spend: 5 EUR}\n",
           9, "workflows.w.recover.spend", "5 EUR", "amount of USD", "0.05"),
    Broken("attempts", _W + "    recover: {attempts: 0}\n",
           9, "workflows.w.recover.attempts", "0", "from 1 to 20", "choose 1"),
    Broken("priority", _W + "    priority: urgent\n",
           9, "workflows.w.priority", "urgent", "is not a priority", "interactive"),
    # addresses and secrets
    Broken("listen without a port", "listen: localhost\n",
           6, "listen", "localhost", "is not host:port", "127.0.0.1:8700"),
    Broken("listen on port 70000", "listen: 127.0.0.1:70000\n", 6, "listen", "127.0.0.1:70000", "host:port", "8700"),
    Broken("open to the world", "listen: 0.0.0.0:8700\n", 2, "open", "true", "on loopback only", "keys"),
    Broken("two ports in one", "admin: 127.0.0.1:8700\n",
           6, "admin", "127.0.0.1:8700", "address of listen", "own port"),
    Broken("a literal secret", "keys: {k: {secret: hunter2hunter2}}\n",
           6, "keys.k.secret", "(hidden)", "secret itself", "env:NAME"),
    Broken("three secrets", "keys: {k: {secret: [env:A, env:B, env:C]}}\n",
           6, "keys.k.secret", "a list", "3 items", "shorten"),
    Broken("an unset variable", "listen: ${NOWHERE}\n",
           6, "listen", "${NOWHERE}", "NOWHERE is not set", "${NOWHERE:-...}"),
    Broken("half a reference", "listen: ${NO WHERE}\n", 6, "listen", "${NO WHERE}", "is not a reference", "$${"),
    # providers
    Broken("vendor", "  b: {vendor: opneai, models: [n]}\n",
           6, "providers.b.vendor", "opneai", "a vendor", "did you mean openai?"),
    Broken("no key", "  b: {vendor: openai, models: [n]}\n",
           6, "providers.b.key", "", "is missing", "env:OPENAI_API_KEY"),
    Broken("no url", "  b: {vendor: openai-compatible, models: [n]}\n",
           6, "providers.b.url", "", "is missing", "url: http"),
    Broken("ftp", "  b: {vendor: vllm, url: 'ftp://h', models: [n]}\n",
           6, "providers.b.url", "ftp://h", "is not a URL", "http://"),
    Broken("an address without http", "  b: {vendor: openai-compatible, url: 'localhost:11434', models: [n]}\n",
           6, "providers.b.url", "localhost:11434", "is not a URL", "http://"),
    Broken("a wrong address of a rented one", "  b: {vendor: openai, url: 'localhost:11434', models: [n]}\n",
           6, "providers.b.url", "localhost:11434", "is not a URL", "http://"),
    Broken("no url by null", "  b: {vendor: openai-compatible, url: null, models: [n]}\n",
           6, "providers.b.url", "", "is missing", "url: http"),
    Broken("a key as in a shell", "  b: {vendor: openai, key: $AZ_KEY, models: [n]}\n",
           6, "providers.b.key", "(hidden)", "not a reference", "write env:AZ_KEY"),
    Broken("password", "  b: {vendor: vllm, url: 'http://u:p@h', models: [n]}\n",
           6, "providers.b.url", "(hidden)", "credentials", "key:"),
    Broken("no models", "  b: {vendor: vllm, models: []}\n", 6, "providers.b.models", "a list", "has 0 items", "add"),
    Broken("a model twice", "  b: {vendor: vllm, models: [n, n]}\n",
           6, "providers.b.models[1]", "n", "listed twice", "keep one"),
    Broken("half a pair", "  b: {vendor: vllm, models: [n], client_cert: c.pem}\n",
           6, "providers.b.client_cert", "", "without client_key", "add"),
    # workflows
    Broken("no candidates", "workflows: {w: {owner: me}}\n",
           6, "workflows.w.candidates", "", "is missing", "list the models"),
    Broken("unknown model", "workflows: {w: {candidates: [gtp]}}\n",
           6, "workflows.w.candidates[0]", "gtp", "at no provider", "known: m"),
    Broken("unknown pin", "workflows: {w: {candidates: [m@b]}}\n",
           6, "workflows.w.candidates[0]", "m@b", "at no provider", "m@a"),
    Broken("nothing new", "workflows: {w: {candidates: [m, m@a]}}\n",
           6, "workflows.w.candidates[1]", "m@a", "adds nothing", "take it out"),
    Broken("unknown profile", _W + "    use: chatt\nprofiles: {chat: {}}\n",
           9, "workflows.w.use", "chatt", "is no profile", "chat?"),
    Broken("regions", _W + "    regions: [eu]\n",
           9, "workflows.w.regions", "eu", "leave no candidate", "add a region"),
    Broken("no CEL", "workflows:\n  w:\n    candidates:\n    - {model: m, when: facts.tokens <}\n", 9,
           "workflows.w.candidates[0].when", "facts.tokens <", "is not CEL", "facts.tokens < 8000"),
    Broken("no such fact", "workflows: {w: {candidates: [{model: m, when: facts.token > 1}]}}\n", 6,
           "workflows.w.candidates[0].when", "facts.token > 1", "names facts.token", "facts.tokens"),
    Broken("not a fact", "workflows: {w: {candidates: [{model: m, when: workflow.x > 1}]}}\n", 6,
           "workflows.w.candidates[0].when", "workflow.x > 1", "names workflow", "known"),
    Broken("split of a stranger", _W + "    choose: {split: {n: 1, m: 1}}\n",
           9, "workflows.w.choose.split.n", "n", "no candidate", "known: m"),
    Broken("split of nothing", _W + "    choose: {split: {m: 0}}\n",
           9, "workflows.w.choose.split", "0", "no share above 0", "90"),
    Broken("weights of nothing", _W + "    choose: {weights: {health: 0, latency: 0, load: 0, cost: 0}}\n", 9,
           "workflows.w.choose.weights", "0", "are all 0", "health: 1"),
    Broken("spread and split", _W + "    choose: {split: {m: 1}, spread: 0.1}\n",
           9, "workflows.w.choose.spread", "0.1", "beside split", "one"),
    Broken("choose", _W + "    choose: random\n", 9, "workflows.w.choose", "random", "way to choose", "order"),
    Broken("alias of a model", _W + "    aliases: [m]\n",
           5, "providers.a.models", "m", "would mean two things", "rename"),
    Broken("workflow of a workflow's alias", _W + "    aliases: [v]\n  v: {candidates: [m]}\n", 10,
           "workflows.v", "v", "two things: workflow v, and an alias of workflow w at", "rename"),
    # keys
    Broken("no keys", "version: 1\nproviders: {a: {vendor: vllm, models: [m]}}\n",
           1, "keys", "", "nobody could call", "open: true", True),
    Broken("unknown workflow", _W + "keys: {k: {secret: env:K, workflows: [ww]}}\n",
           9, "keys.k.workflows[0]", "ww", "none of", "did you mean w?"),
    Broken("unknown model of a key", "keys: {k: {secret: env:K, models: [mm]}}\n",
           6, "keys.k.models[0]", "mm", "none of", "did you mean m?"),
    Broken("the open grant's name", "keys: {open: {secret: env:K}}\n",
           6, "keys.open", "open", "without a key", "rename"),
    # includes
    Broken("a missing include", "include: [more.yaml]\n",
           6, "include[0]", "more.yaml", "does not exist", "looked for in"),
    Broken("a search of everything", "include: ['/**/*.yaml']\n",
           6, "include[0]", "/**/*.yaml", "whole trees", "conf.d"),
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=[b.name for b in BROKEN])
def test_each_mistake_is_told_with_its_place_value_and_hint(tmp_path: Path, broken: Broken) -> None:
    """Exactly one problem, in this file, on this line, with the value and a hint."""
    problems = problems_of(tmp_path, broken.text if broken.whole else MINIMAL + broken.text)

    assert 1 == len(problems), problems
    told = problems[0]
    assert str(tmp_path / "poise.yaml") == told.file
    assert (broken.line, broken.path, broken.value) == (told.line, told.path, told.value)
    assert broken.said in told.text
    assert broken.hint in told.hint


def test_there_are_thirty_of_them() -> None:
    """The table does not shrink unseen, and no row stands in it twice."""
    assert 30 <= len({broken.name for broken in BROKEN}) == len(BROKEN)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Six mistakes of different kinds in one file are six problems, in the order of the file."""
    text = """\
version: 1
listen: nowhere
grace: 5
providers:
  a: {vendor: vlm, models: [m]}
  b: {vendor: vllm, models: [n], colour: blue}
workflows:
  w: {candidates: [n, o], priority: urgent}
"""
    problems = problems_of(tmp_path, text)

    told = [(p.line, p.path) for p in problems]
    assert [
        (1, "keys"),
        (2, "listen"),
        (3, "grace"),
        (5, "providers.a.vendor"),
        (6, "providers.b.colour"),
        (8, "workflows.w.priority"),
    ] == told, "candidate o is not told of: it may be at provider a, which could not be read"


def test_a_problem_reads_as_one_line_and_a_hint(tmp_path: Path) -> None:
    """File, line and column first, as editors and compilers have it."""
    (problem,) = problems_of(tmp_path, MINIMAL + "grace: 30\n")

    hint = "a number and a unit: us ms s m h d; perhaps 30s"
    assert f"{tmp_path}/poise.yaml:6:8: grace: 30: is not a duration\n  hint: {hint}" == str(problem)


def test_a_mistake_in_an_included_file_is_told_there(tmp_path: Path) -> None:
    """The place is the included file's, not the main one's."""
    written(tmp_path, "workflows:\n  w: {candidates: [x]}\n", "conf.d/w.yaml")
    (problem,) = problems_of(tmp_path, MINIMAL + "include: [conf.d/*.yaml]\n")

    assert (str(tmp_path / "conf.d/w.yaml"), 2) == (problem.file, problem.line)


def test_the_same_name_in_two_files_is_an_error(tmp_path: Path) -> None:
    """Told where the second stands, with the place of the first; settings of the whole likewise."""
    written(tmp_path, "open: true\nproviders:\n  a: {vendor: vllm, models: [x]}\n", "conf.d/a.yaml")
    told = problems_of(tmp_path, MINIMAL + "include: [conf.d/*.yaml]\n")

    assert [(1, "open"), (3, "providers.a")] == [(p.line, p.path) for p in told]
    assert f"first at {tmp_path}/poise.yaml:2:1" in told[0].text
    assert f"first at {tmp_path}/poise.yaml:5:3" in told[1].text


def test_an_included_file_includes_no_other(tmp_path: Path) -> None:
    written(tmp_path, "include: [b.yaml]\n", "conf.d/a.yaml")

    assert ["include"] == [p.path for p in problems_of(tmp_path, MINIMAL + "include: [conf.d/*.yaml]\n")]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No line can be named; a folder in its place is no file either."""
    from poise.edge.config.load import load_into
    from poise.edge.config.problem import Findings

    for path in (tmp_path / "none.yaml", tmp_path):
        findings = Findings()

        assert load_into(path, {}, findings) is None
        assert [(str(path), 0)] == [(p.file, p.line) for p in findings.problems]


@pytest.mark.parametrize(
    "text",
    [
        "keys: {k: {secret: sk-abcdefghijklmnop}}\n",
        "keys: {k: {secret: $abcdefghijklmnop}}\n",
        "keys: {k: {secret: [env:A, sk-abcdefghijklmnop]}}\n",
        "keys: {k: {secret: {value: sk-abcdefghijklmnop}}}\n",
        "keys: {k: sk-abcdefghijklmnop}\n",
        "  b: {vendor: vllm, models: [n], key: sk-abcdefghijklmnop}\n",
        "  b: {vendor: vllm, models: [n], api_key: sk-abcdefghijklmnop}\n",
        "  b: {vendor: vllm, models: [n], key: '${K}'}\n",
        "  b: {vendor: vllm, models: [n], url: 'http://me:sk-abcdefghijklmnop@h/'}\n",
        "  b: {vendor: sk-abcdefghijklmnop, models: [n]}\n",
        "listen: sk-abcdefghijklmnop\n",
        "listen: ${K}\n",
        "sk-abcdefghijklmnop: 1\n",
    ],
)
def test_a_secret_in_a_wrong_place_is_never_told(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it: neither its value nor its text, neither in a path nor in a hint."""
    problems = problems_of(tmp_path, MINIMAL + text, {"K": "sk-abcdefghijklmnop"})

    assert problems
    assert "abcdefghijklmnop" not in "".join(map(str, problems))


def test_a_short_literal_secret_is_hidden_too(tmp_path: Path) -> None:
    """Where a secret belongs, nothing that stands there is shown, however little it looks like one."""
    problems = problems_of(tmp_path, MINIMAL + "keys: {k: {secret: hello}, l: {secret: 12345}}\n")

    assert ["(hidden)", "(hidden)"] == [p.value for p in problems]
    assert "hello" not in "".join(map(str, problems))
    assert "12345" not in "".join(map(str, problems))
