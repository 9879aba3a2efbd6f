"""setup.py builds what its switches ask for, on the machine that is built for."""

import importlib.util
import os
import platform
import sys
import sysconfig
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """setup.py as a module."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    specification = importlib.util.spec_from_file_location("build_script", ROOT / "setup.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for variable in ("FASTGMM_BUILD", "FASTGMM_TARGETS", "FASTGMM_DTYPES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(ROOT)
    on(monkeypatch, "linux-x86_64")
    return module


def on(monkeypatch: pytest.MonkeyPatch, target: str, processor: str = "x86_64") -> None:
    """Let the build be for another platform."""
    monkeypatch.setattr(sysconfig, "get_platform", lambda: target)
    monkeypatch.setattr(platform, "machine", lambda: processor)


def names(script: Any) -> list[str]:
    return [extension.name.rpartition(".")[2] for extension in script.extensions()]


def test_all_sets_and_dtypes_are_built(script: ModuleType) -> None:
    sets = ("x86_64", "x86_64_v3", "x86_64_v4")
    assert names(script) == ["_detect", *(f"{s}_{d}" for s in sets for d in ("f32", "f64"))]


def test_one_set_and_one_dtype_alone(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTGMM_TARGETS", "x86_64_v4")
    monkeypatch.setenv("FASTGMM_DTYPES", "f64")
    monkeypatch.setenv("FASTGMM_BUILD", "quick")
    assert names(script) == ["_detect", "x86_64_v4_f64"]
    assert "-O1" in script.extensions()[1].extra_compile_args
    assert "-march=x86-64-v4" in script.extensions()[1].extra_compile_args


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("FASTGMM_DTYPES", "f64,f16", "FASTGMM_DTYPES names f16; here are f32, f64"),
        ("FASTGMM_TARGETS", "avx2", "FASTGMM_TARGETS names avx2; here are x86_64, x86_64_v3, "),
    ],
)
def test_a_name_that_is_unknown_is_an_error(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=sentence):
        script.extensions()


@pytest.mark.parametrize(
    ("target", "processor", "expected"),
    [
        ("linux-aarch64", "x86_64", "neon"),  # by a cross compiler
        ("macosx-11.0-arm64", "arm64", "neon"),
        ("macosx-10.15-universal2", "arm64", "neon"),
        ("macosx-10.15-universal2", "x86_64", "x86_64"),
        ("linux-s390x", "x86_64", "portable"),
        ("linux-i686", "x86_64", "portable"),
        ("win-amd64", "AMD64", "x86_64"),
    ],
)
def test_the_machine_that_is_built_for_counts(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    processor: str,
    expected: str,
) -> None:
    on(monkeypatch, target, processor)
    assert f"{expected}_f64" in names(script)


def test_a_32_bit_python_on_a_64_bit_kernel_gets_the_portable_build(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert names(script) == ["_detect", "portable_f32", "portable_f64"]
    assert "-mfpmath=sse" in script.extensions()[1].extra_compile_args
    on(monkeypatch, "linux-armv7l", "aarch64")
    assert names(script) == ["_detect", "portable_f32", "portable_f64"]


def test_windows_has_no_flags_of_other_compilers(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "win-amd64", "AMD64")
    monkeypatch.setattr(sys, "platform", "win32")
    assert names(script) == ["_detect", "x86_64_f32", "x86_64_f64"]
    assert script.extensions()[1].extra_compile_args == ["/O2"]


def test_as_many_compilers_as_processors(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from setuptools import Distribution

    monkeypatch.setattr(script, "processors", lambda: 5)
    command = script.BuildKernels(Distribution())
    command.finalize_options()
    assert command.parallel == 5
    command = script.BuildKernels(Distribution())
    command.parallel = "1"
    command.finalize_options()
    assert command.parallel == 1


def test_sources_are_translated_when_they_are_compiled_and_not_before(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from setuptools import Distribution

    monkeypatch.setenv("FASTGMM_TARGETS", "x86_64_v3")
    made = script.extensions()
    assert [e.sources[0].rpartition(".")[2] for e in made] == ["pyx"] * 3
    command = script.BuildKernels(Distribution({"ext_modules": made}))
    command.finalize_options()
    command.build_lib = str(tmp_path)
    seen = []
    other = [script.Extension(e.name, [f"{e.name}.c"]) for e in reversed(made)]
    monkeypatch.setattr(script, "cythonize", lambda *_, **__: other)
    monkeypatch.setattr(script.build_ext, "build_extensions", lambda self: seen.append(self))
    command.build_extensions()
    assert seen == [command]
    assert [e.sources for e in command.extensions] == [[f"{e.name}.c"] for e in made]


def test_a_tree_has_one_sdist(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the time of files nor the order in which they were made, nor their group's rights."""
    from setuptools import Distribution

    command = script.Source(Distribution())
    archives = []
    for turn, names in enumerate((["b", "a"], ["a", "b"])):
        (tmp_path / str(turn) / "tree").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / str(turn))
        for name in names:
            path = Path("tree") / name
            path.write_text(name)
            path.chmod(0o664 if turn else 0o600)
            os.utime(path, (1e9 + turn, 1e9 + turn))
        Path("tree/a").chmod(0o755 if turn else 0o700)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000000")
        archives.append(Path(command.make_archive("tree", "gztar", base_dir="tree", owner=None)))
        archives[-1] = archives[-1].resolve()
    first, second = (path.read_bytes() for path in archives)
    assert first == second
    with tarfile.open(archives[0]) as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == ["tree", "tree/a", "tree/b"]
    assert [m.mode for m in members] == [0o755, 0o755, 0o644]
    assert {m.mtime for m in members} == {1764000000}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000001")
    other = Path(command.make_archive("tree", "gztar", base_dir="tree", owner=None))
    assert other.read_bytes() != first


def test_without_a_time_an_sdist_is_as_ever(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from setuptools import Distribution

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("tree").mkdir()
    os.utime("tree", (1e9, 1e9))
    made = script.Source(Distribution()).make_archive("tree", "gztar", base_dir="tree", owner=None)
    with tarfile.open(made) as archive:
        assert archive.getmembers()[0].mtime == 1e9
