"""The repository's own promises: what every file keeps, and that each check would find its breach."""

import ast
import configparser
import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

Files = Mapping[str, str]

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("apdu", "config", "sync", "tariffs", "terminal")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Pure modules in rooms that are not pure as a whole, as apdu and tariffs are.
PURE_MODULES = (
    *(f"sync.{name}" for name in ("record", "corrected", "batch", "session", "retry", "settlement", "issuer_files")),
    "sync.reconcile",
    *(f"config.{name}" for name in ("editions", "model", "parse", "hotlist")),
    *(f"terminal.{name}" for name in ("tap", "translate", "duty", "mode", "signal", "report")),
    *(f"terminal.whatif.{name}" for name in ("cast", "changes", "journal", "pairs", "replay", "report")),
)

# Put together here, so that this file does not hold them itself.
LEFTOVERS = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "pytest" + ".skip", "mark" + ".skip", "raise Not" + "Implemented")
FOREIGN = (
    *(name + ".org" for name in ("pypi", "pythonhosted", "deb.debian")),
    *("/wo" + "rk/", "../sha" + "red", "/fa" + "rm", "artifact" + "-registry", "artifact" + "registry"),
)


class Rule(NamedTuple):
    """`faults` finds the breaches in files (path to text); `breach` is a small tree that it must object to."""

    faults: Callable[[Files], list[str]]
    breach: Files


@cache
def repository() -> Files:
    """Every text file that is in the repository or would be with the next commit."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = {name: (ROOT / name).read_bytes() for name in names.split("\0") if (ROOT / name).is_file()}
    return {name: raw.decode() for name, raw in sorted(files.items()) if b"\0" not in raw}


def python(files: Files) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in files.items() if path.endswith(".py"))


def lines_with(pattern: str, files: Files) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def long_files(files: Files) -> list[str]:
    counted = [(path, len(text.splitlines())) for path, text in python(files)]
    return [f"{path}: {lines} lines" for path, lines in counted if lines > FILE_LINES_MAX]


def long_functions(files: Files) -> list[str]:
    faults = []
    for path, text in python(files):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                faults += [f"{path}:{node.lineno}: {node.name}, {lines} lines"] * (lines > FUNCTION_LINES_MAX)
    return faults


def floats_near_money(files: Files) -> list[str]:
    near = {path: text for path, text in python(files) if path.startswith(("apdu/", "sync/", "tariffs/"))}
    return lines_with(r"\bfloat\(", near)


def leftovers(files: Files) -> list[str]:
    return lines_with("|".join(map(re.escape, LEFTOVERS)), dict(python(files)))


def foreign_words(files: Files) -> list[str]:
    return lines_with("|".join(map(re.escape, FOREIGN)), files)


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def settings(files: Files) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read_string(files["setup.cfg"])
    return parser


def modules_missing_in_the_pure_contract(files: Files) -> list[str]:
    declared = settings(files)["importlinter:contract:pure"]["source_modules"].split()
    present = {module_of(path) for path, _ in python(files)}
    return [f"the contract 'pure' misses {name}" for name in PURE_MODULES if name in present and name not in declared]


def clocks_in_pure_rooms(files: Files) -> list[str]:
    contract = settings(files)["importlinter:contract:pure"]
    declared = tuple(f"{name}." for name in contract["source_modules"].split())
    let_out = re.findall(r"^(\S+) ->", contract.get("ignore_imports", ""), re.MULTILINE)
    faults = []
    for path, text in python(files):
        if f"{module_of(path)}.".startswith(declared) and module_of(path) not in let_out:
            calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
            named = [(call.lineno, ast.unparse(call.func)) for call in calls]
            clock = re.compile(r"^time\.|\b(now|utcnow|today)$")
            faults += [f"{path}:{line}: {name}()" for line, name in named if clock.search(name)]
    return faults


def commands_that_do_not_exist(files: Files) -> list[str]:
    """`make X` and `smk X` in the code of a document, that neither the Makefile nor the command line knows."""
    named = [
        (path, *command)
        for path, text in files.items()
        if path.endswith(".md")
        for code in re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
        for command in re.findall(r"(?:^|[\s`/])(make|smk) ([a-z][a-z-]*)", code, re.MULTILINE)
    ]
    known = {"make": set(re.findall(r"^([a-z-]+):", files["Makefile"], re.MULTILINE)), "smk": set[str]()}
    if any(tool == "smk" for _, tool, _ in named):
        known["smk"] = set(importlib.import_module("terminal.cli").COMMANDS)
    return [f"{path}: {tool} {command}" for path, tool, command in named if command not in known[tool]]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(files: Files) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==(\S+)$", files["requirements.lock"], re.MULTILINE)
    return {plain(name): version for name, version in lines}


def packages_without_a_pin(files: Files) -> list[str]:
    extras = settings(files)["options.extras_require"]
    wanted = "\n".join([settings(files)["options"]["install_requires"], *extras.values()])
    names = [line.partition(";")[0].strip() for line in wanted.splitlines()]
    return [f"{name} is not pinned" for name in names if name and plain(name) not in pins(files)]


def packages_without_a_licence(files: Files) -> list[str]:
    noted = {plain(name) for name in re.findall(r"^  (\S+) +\S", files["NOTICE"], re.MULTILINE)}
    return [f"NOTICE misses {name}" for name in pins(files) if name not in noted]


PURE_CFG = "[importlinter:contract:pure]\nsource_modules =\n    tariffs\n"
WANTED_CFG = "[options]\ninstall_requires = nfcpy\n[options.extras_require]\ntest = pytest\n"
RULES = {
    "no file is too long": Rule(long_files, {"apdu/long.py": "x = 1\n" * 401}),
    "no function is too long": Rule(long_functions, {"apdu/long.py": "def f():\n" + "    x = 1\n" * 60}),
    "money is never a float": Rule(floats_near_money, {"tariffs/money.py": "fen = flo" + "at(yuan)\n"}),
    "nothing is left over or skipped": Rule(leftovers, {"sync/retry.py": f"# {LEFTOVERS[0]}: later\n"}),
    "no word of another place": Rule(foreign_words, {"docs/cards.md": f"see {FOREIGN[-2]}\n"}),
    "pure modules are under contract": Rule(
        modules_missing_in_the_pure_contract, {"setup.cfg": PURE_CFG, "sync/retry.py": ""}
    ),
    "pure rooms have no clock": Rule(
        clocks_in_pure_rooms, {"setup.cfg": PURE_CFG, "tariffs/decide.py": "moment = datetime.now()\n"}
    ),
    "documents name commands that exist": Rule(
        commands_that_do_not_exist, {"Makefile": "demo: setup\n", "README.md": "Run `make demos`.\n"}
    ),
    "every package is pinned": Rule(
        packages_without_a_pin, {"setup.cfg": WANTED_CFG, "requirements.lock": "nfcpy==1.0.4\n"}
    ),
    "every package's licence is noted": Rule(
        packages_without_a_licence, {"NOTICE": "  rich  MIT\n", "requirements.lock": "nfcpy==1.0.4\n"}
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_repository_keeps_the_rule(rule: str) -> None:
    assert RULES[rule].faults(repository()) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_breach_of_the_rule_is_found(rule: str) -> None:
    assert RULES[rule].faults(RULES[rule].breach)


def test_a_method_named_time_is_not_a_clock() -> None:
    pure = "def leaves(moment):\n    return moment.time() < time(22, 30)\n"
    assert clocks_in_pure_rooms({"setup.cfg": PURE_CFG, "tariffs/decide.py": pure}) == []


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "NOTICE"])
def test_a_newcomer_finds(name: str) -> None:
    assert repository()[name].strip()


def test_the_licences_that_bind_a_shipper_are_noted() -> None:
    notice = repository()["NOTICE"]
    for line in (r"nfcpy +EUPL-1\.1", r"pyscard +LGPL-2\.1", r"libusb1 +LGPL-2\.1", r"vsmartcard-vpcd +GPL-3\.0"):
        assert re.search(line, notice), line
    assert "Apache License" in repository()["LICENSE"]


def test_the_tests_run_on_the_pinned_packages() -> None:
    installed = {name: importlib.metadata.version(name) for name in pins(repository())}
    assert installed == pins(repository())


def test_the_scripts_are_whole_and_executable() -> None:
    scripts = sorted((ROOT / ".ci").iterdir())
    assert [script.name for script in scripts] == ["lock", "pcscd", "run", "setup"]
    for script in scripts:
        assert script.stat().st_mode & 0o111, script
        subprocess.run(["bash", "-n", str(script)], check=True)


def copy_repository(target: Path, suffix: str = "") -> None:
    for name in repository():
        if name.endswith(suffix) or name == "setup.cfg":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def test_every_import_contract_bites(tmp_path: Path) -> None:
    copy_repository(tmp_path, ".py")
    breaches = {
        "apdu/__init__.py": "import terminal",
        "apdu/social/__init__.py": "import apdu.purse.read",
        "apdu/virtual/__init__.py": "import apdu.purse.read",
        "config/__init__.py": "import matplotlib, nfc, pynmea2, smartcard, serial, tuf",
        "sync/backend/__init__.py": "import apdu.command",
        "tariffs/__init__.py": "import os",
        "terminal/__init__.py": "import apdu.virtual.chip",
        "terminal/packs.py": "import terminal.signed",
        "terminal/training/ils/__init__.py": "import sync.ils",
    }
    for name, line in breaches.items():
        with (tmp_path / name).open("a") as file:
            file.write(f"\n{line}\n")
    linter = Path(sys.executable).parent / "lint-imports"
    report = subprocess.run([str(linter), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    sections = settings(repository())
    contracts = [sections[name]["name"] for name in sections.sections() if name.startswith("importlinter:contract:")]
    assert [name for name in contracts if f"{name} BROKEN" not in report.stdout] == [], report.stdout + report.stderr


@pytest.mark.drill
def test_an_installed_package_has_all_its_files(tmp_path: Path) -> None:
    """A wheel holds every module and every data file of the rooms; no test, and no script that makes data."""
    copy_repository(tmp_path / "tree")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*pip, "."], cwd=tmp_path / "tree", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    rooms = {name for name in repository() if name.startswith(tuple(f"{room}/" for room in ROOMS))}
    assert packed == {name for name in rooms if not name.endswith(".sh")}
