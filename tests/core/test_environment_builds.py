"""The lists of libraries suit every supported Python and system, and the build of torch suits the graphics card."""

from __future__ import annotations

import json
import re

import pytest

from scarp.environment import builds
from scarp.environment.builds import BUILD_OF_SOURCE, CPU, Card, Target

VERSIONS = [(3, minor) for minor in range(9, 15)]
SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("win32", "AMD64"), ("darwin", "arm64"), ("darwin", "x86_64")]
TARGETS = [Target(version, *system) for version in VERSIONS for system in SYSTEMS]
NOTHING_FOR = {
    Target((3, 13), "darwin", "x86_64"),
    Target((3, 14), "darwin", "x86_64"),
    Target((3, 9), "linux", "aarch64"),
}
"""There is no torch, or no rasterio."""
SUPPORTED = [target for target in TARGETS if target not in NOTHING_FOR]


def ids(target: Target) -> str:
    return f"{target.version[1]} {target.platform} {target.machine}"


def requirements_for(lines: list[str], target: Target) -> list:
    """Return the requirements among the lines that apply to a computer."""
    requirements = pytest.importorskip("packaging.requirements")
    values = {"python_version": f"3.{target.version[1]}", "sys_platform": target.platform}
    values["platform_machine"] = target.machine
    found = [requirements.Requirement(line) for line in lines if line and not line.startswith("#")]
    return [item for item in found if not item.marker or item.marker.evaluate(values)]


@pytest.mark.parametrize("target", SUPPORTED, ids=ids)
def test_every_library_is_listed_once_for_each_computer(target):
    found = requirements_for(builds.LIBRARIES.read_text().splitlines(), target)
    expected = {"numpy", "scipy", "scikit-learn", "rasterio", "safetensors", "matplotlib", "attrs", "jinja2"}
    assert sorted(item.name for item in found) == sorted(expected)
    assert all(re.fullmatch(r"==[\d.]+", str(item.specifier)) for item in found), "not pinned"


@pytest.mark.parametrize("target", TARGETS, ids=ids)
def test_each_computer_has_builds_of_torch_or_a_reason(target):
    assert (builds.problem(target) is not None) == (target in NOTHING_FOR)
    names = [build.name for build in builds.available(target)]
    if target in NOTHING_FOR:
        assert f"{target.platform} {target.machine}" in builds.problem(target)
        return
    assert names[0] == CPU
    assert len(names) == (1 if target.platform == "darwin" or target.machine == "aarch64" else 3)
    for build in builds.available(target):
        assert 0 < build.download < build.installed


def test_old_macs_get_the_numpy_that_their_torch_was_built_for():
    assert builds.torch_version(Target((3, 9), "darwin", "x86_64")) == "2.2.2"
    assert 'numpy==1.26.4; sys_platform == "darwin" and platform_machine == "x86_64"' in builds.LIBRARIES.read_text()


@pytest.mark.parametrize(
    ("driver", "capability", "version", "expected"),
    [
        ("580.95.05", 8.6, (3, 12), "cu130"),
        ("580.95.05", 12.0, (3, 12), "cu130"),
        ("580.95.05", 9.0, (3, 11), "cu130"),
        ("580.95.05", 6.1, (3, 12), "cu126"),
        ("560.35.03", 8.6, (3, 12), "cu126"),
        ("525.60.13", 7.5, (3, 10), "cu126"),
        ("560.35.03", 12.0, (3, 12), CPU),
        ("520.61.05", 8.6, (3, 12), CPU),
        ("580.95.05", 3.5, (3, 12), CPU),
        ("560.35.03", None, (3, 12), "cu126"),
        ("580.95.05", 8.6, (3, 9), "cu128"),
        ("560.35.03", 6.1, (3, 9), "cu126"),
    ],
)
def test_the_newest_build_that_driver_and_card_support_is_recommended(driver, capability, version, expected):
    card = Card("card", driver, "8 GB", capability)
    assert builds.recommended(Target(version, "linux", "x86_64"), [card]) == expected
    assert builds.recommended(Target(version, "darwin", "arm64"), [card]) == CPU
    assert builds.recommended(Target(version, "linux", "x86_64"), []) == CPU


def test_one_suitable_card_beside_an_old_one_is_enough():
    cards = [Card("old", "580.95.05", "", 3.5), Card("new", "580.95.05", "", 8.9)]
    assert builds.recommended(Target((3, 12), "win32", "AMD64"), cards) == "cu130"


@pytest.mark.parametrize(
    ("target", "build", "expected"),
    [
        (Target((3, 12), "win32", "AMD64"), "cu130", "torch==2.13.0+cu130"),
        (Target((3, 12), "linux", "x86_64"), CPU, "torch==2.13.0+cpu"),
        (Target((3, 12), "linux", "x86_64"), BUILD_OF_SOURCE, "torch==2.13.0"),
        (Target((3, 12), "darwin", "arm64"), CPU, "torch==2.13.0"),
        (Target((3, 9), "linux", "x86_64"), "cu126", "torch==2.8.0+cu126"),
    ],
)
def test_the_build_is_requested_by_its_exact_name(target, build, expected):
    assert builds.requirement_of_torch(target, build) == expected
    assert builds.index_of_torch(build).endswith(f"/whl/{build}")


def test_the_hash_depends_on_the_requirements_and_not_on_comments(tmp_path, monkeypatch):
    def hash_of(text: str) -> str:
        (tmp_path / "list.txt").write_text(text)
        builds.requirements_hash.cache_clear()
        return builds.requirements_hash()

    monkeypatch.setattr(builds, "LIBRARIES", tmp_path / "list.txt")
    try:
        assert hash_of("a==1\n") == hash_of("# new words\n\na==1\n") != hash_of("a==2\n")
    finally:
        builds.requirements_hash.cache_clear()


def test_every_build_in_the_table_has_a_label():
    table = json.loads((builds.RESOURCES / "builds.json").read_text())
    assert set(table["builds"]) <= set(builds.labels())
    assert {name for entry in table["torch"] for name in entry["builds"]} == set(table["builds"])


K80 = "Tesla K80, 470.82.01, 11441 MiB\n"
FAILURE = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver, really, no, 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVIDIA RTX 4070, 591.86, 12282 MiB, 8.9\n", [Card("NVIDIA RTX 4070", "591.86", "12282 MiB", 8.9)]),
        (2 * K80, 2 * [Card("Tesla K80", "470.82.01", "11441 MiB")]),
        ("Quadro, 450.1, 1 MiB, [N/A]\n", [Card("Quadro", "450.1", "1 MiB")]),
        (FAILURE, []),
        ("", []),
    ],
)
def test_the_output_of_the_driver_is_parsed(text, expected):
    assert builds.parse(text) == expected
