"""Lists of libraries, builds of torch and the lock: they suit every computer, and only verified files are installed."""

from __future__ import annotations

import importlib.metadata as metadata
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from scarp.environment import builds, install, lock
from scarp.environment.builds import BUILD_OF_SOURCE, CPU, Card, Target
from scarp.environment.failures import InstallCancelled
from scarp.environment.install import Request
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source, SourceKind
from scarp.tests.core import fake_installation as fake

SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("win32", "AMD64"), ("darwin", "arm64"), ("darwin", "x86_64")]
TARGETS = [Target((3, minor), *system) for minor in range(9, 15) for system in SYSTEMS]
# There is no torch, or no rasterio.
NOTHING_FOR = {Target((3, minor), "darwin", "x86_64") for minor in (13, 14)} | {Target((3, 9), "linux", "aarch64")}
SUPPORTED = [target for target in TARGETS if target not in NOTHING_FOR]
LISTS = (builds.LIBRARIES, lock.LOCK)
LISTED = {"numpy", "scipy", "scikit-learn", "rasterio", "safetensors", "matplotlib", "attrs", "jinja2"}
NEEDED_BY_TORCH = {"filelock", "typing-extensions", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="makes environments as on POSIX")


def ids(target: Target) -> str:
    return f"{target.version[1]} {target.platform} {target.machine}"


def versions(lines: list[str], target: Target) -> dict[str, str]:
    """Return the versions that the lines ask for on a computer by normalised name; each library only once."""
    requirements, utils = pytest.importorskip("packaging.requirements"), pytest.importorskip("packaging.utils")
    values = {"python_version": f"3.{target.version[1]}", "sys_platform": target.platform}
    values["platform_machine"] = target.machine
    lines = [line.partition(" --hash")[0] for line in lines if line and not line.startswith("#")]
    found = [item for item in map(requirements.Requirement, lines) if not item.marker or item.marker.evaluate(values)]
    names = Counter(utils.canonicalize_name(item.name) for item in found)
    assert max(names.values()) == 1, f"more than one version of {names.most_common(1)}"
    return {utils.canonicalize_name(item.name): str(item.specifier) for item in found}


def entries() -> list[str]:
    """Return the lock's entries, each on one line."""
    text = LISTS[1].read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if not line.startswith("#")]


# The list of libraries and the builds of torch


@pytest.mark.parametrize("target", TARGETS, ids=ids)
def test_each_computer_has_builds_of_torch_or_a_reason(target):
    assert (builds.problem(target) is not None) == (target in NOTHING_FOR)
    if target in NOTHING_FOR:
        assert f"{target.platform} {target.machine}" in builds.problem(target)
        return
    names = [build.name for build in builds.available(target)]
    assert names[0] == CPU
    assert len(names) == (1 if target.platform == "darwin" or target.machine == "aarch64" else 3)
    assert all(0 < build.download < build.installed for build in builds.available(target))


def test_old_macs_get_the_numpy_that_their_torch_was_built_for():
    assert builds.torch_version(Target((3, 9), "darwin", "x86_64")) == "2.2.2"
    assert 'numpy==1.26.4; sys_platform == "darwin" and platform_machine == "x86_64"' in builds.LIBRARIES.read_text()


NEW, OLD = "580.95.05", "560.35.03"
RECOMMENDED = {
    "cu130": [(NEW, 8.6, 12), (NEW, 12.0, 12), (NEW, 9.0, 11)],
    "cu128": [(NEW, 8.6, 9)],
    "cu126": [(NEW, 6.1, 12), (OLD, 8.6, 12), ("525.60.13", 7.5, 10), (OLD, None, 12), (OLD, 6.1, 9)],
    CPU: [(OLD, 12.0, 12), ("520.61.05", 8.6, 12), (NEW, 3.5, 12)],
}
"""Version of the driver, compute capability of the card and minor version of Python by the build for them."""


@pytest.mark.parametrize(("build", "computer"), [(build, one) for build, all_ in RECOMMENDED.items() for one in all_])
def test_the_newest_build_that_driver_and_card_support_is_recommended(build, computer):
    driver, capability, minor = computer
    card, linux = Card("card", driver, "8 GB", capability), Target((3, minor), "linux", "x86_64")
    assert builds.recommended(linux, [card]) == build
    assert builds.recommended(Target((3, minor), "darwin", "arm64"), [card]) == builds.recommended(linux, []) == CPU


def test_one_suitable_card_beside_an_old_one_is_enough():
    cards = [Card("old", NEW, "", 3.5), Card("new", NEW, "", 8.9)]
    assert builds.recommended(Target((3, 12), "win32", "AMD64"), cards) == "cu130"


@pytest.mark.parametrize(
    ("minor", "system", "build", "expected"),
    [
        (12, ("win32", "AMD64"), "cu130", "torch==2.13.0+cu130"),
        (12, ("linux", "x86_64"), CPU, "torch==2.13.0+cpu"),
        (12, ("linux", "x86_64"), BUILD_OF_SOURCE, "torch==2.13.0"),
        (12, ("darwin", "arm64"), CPU, "torch==2.13.0"),
        (9, ("linux", "x86_64"), "cu126", "torch==2.8.0+cu126"),
    ],
)
def test_the_build_is_requested_by_its_exact_name(minor, system, build, expected):
    assert builds.requirement_of_torch(Target((3, minor), *system), build) == expected
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
        *((FAILURE, []), ("", [])),
    ],
)
def test_the_output_of_the_driver_is_parsed(text, expected):
    assert builds.parse(text) == expected


# The lock


@pytest.mark.parametrize("target", SUPPORTED, ids=ids)
def test_list_and_lock_have_every_library_once_in_one_exact_version(target):
    listed, locked = versions(LISTS[0].read_text(encoding="utf-8").splitlines(), target), versions(entries(), target)
    assert set(listed) == LISTED
    assert listed.items() <= locked.items()
    assert set(locked) >= NEEDED_BY_TORCH
    assert not [name for name in locked if name == "torch" or name.startswith(("nvidia", "triton", "cuda"))]
    assert all(re.fullmatch(r"==[\w.]+", version) for version in locked.values()), "not pinned"


def test_every_entry_has_hashes_and_the_reader_finds_them_all():
    allowed: dict[str, set[str]] = {}
    for entry in entries():
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})(?= |$)", entry)
        assert hashes and entry.count("--hash") == len(hashes) == len(set(hashes)), entry[:80]
        assert hashes == sorted(hashes), entry[:80]
        allowed.setdefault(entry.partition("==")[0], set()).update(hashes)
    assert lock.read() == allowed
    order = [entry.partition(" ")[0].split("==") for entry in entries()]
    assert order == sorted(order)
    everything = [value for values in allowed.values() for value in values]
    assert len(everything) == len(set(everything)), "one file stands for two libraries"


def test_libraries_installed_here_in_a_locked_version_need_nothing_that_is_not_locked(python_info):
    requirements = pytest.importorskip("packaging.requirements")
    locked = versions(entries(), python_info.target)
    compared = 0
    for name, version in locked.items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if f"=={found.version}" == version:
            compared += 1
            for need in map(requirements.Requirement, found.requires or []):
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    assert re.sub(r"[-_.]+", "-", need.name).lower() in locked, f"{name} needs {need}"
    if not compared:
        pytest.skip("Nothing is installed here in a locked version.")


@pytest.fixture
def internet(attempt, python_info, tmp_path, monkeypatch):
    """Two indexes on disk in place of PyTorch's and the public one, a lock of the second, and attempts at them."""
    version = f"{builds.torch_version(python_info.target)}+cpu"
    fake.write_wheel(tmp_path / "torch", "torch", version)
    fake.write_all(tmp_path / "public", version)
    fake.write_lock(lock.LOCK, tmp_path / "public")

    def make(build: str = CPU, **options) -> fake.Attempt:
        fake.use_indexes(tmp_path, tmp_path / "torch", tmp_path / "public", monkeypatch)
        return attempt(Source(), build, **options)

    return make


@posix
def test_a_tampered_file_is_rejected_and_the_right_one_loaded_by_the_next_attempt(internet, tmp_path):
    wheel = tmp_path / "public" / "fakelearn-2.0-py3-none-any.whl"
    right = wheel.read_bytes()
    fake.tamper(wheel)
    assert len(wheel.read_bytes()) == len(right) + 1
    attempt, names = internet(), ("fakelearn", "fakeraster", "torch")
    attempt.fail(r"not the one that was expected \(fakelearn==2.0\).*nothing of it", *names)
    assert not [name for name in attempt.wheels if "fakelearn" in name]
    wheel.write_bytes(right)
    again = internet()
    again.run()
    assert again.missing(*names) == []
    assert "Download torch: already done" in again.text


@posix
def test_a_torch_that_does_not_match_the_hash_of_its_index_is_rejected(internet, tmp_path):
    attempt = internet()
    fake.tamper(next((tmp_path / "torch").glob("*.whl")))
    attempt.fail(r"not the one that was expected \(torch==.*nothing of it", "torch")
    assert attempt.wheels == []


@posix
def test_a_dependency_that_is_not_in_the_lock_is_not_installed(internet, tmp_path):
    fake.write_wheel(tmp_path / "public", "stranger", "1.0")
    fake.write_wheel(tmp_path / "public", "fakelearn", "2.0", needs=("stranger",))
    fake.write_lock(lock.LOCK, tmp_path / "public")
    attempt = internet()
    attempt.fail("stranger", "stranger", "fakelearn")
    assert "stranger-1.0" not in " ".join(attempt.wheels)
    assert "Successfully installed" not in attempt.text


@posix
def test_a_cuda_build_brings_its_own_libraries_but_locked_ones_come_from_the_lock(internet, python_info, tmp_path):
    version = f"{builds.torch_version(python_info.target)}+cu126"
    fake.write_wheel(tmp_path / "torch", "torch", version, needs=("nvidiathing", "fakeraster>=0.5"))
    # Also a newer one than the locked one, and the same version with other bytes.
    for name, number in (("nvidiathing", "12.6"), ("fakeraster", "3.0"), ("fakelearn", "2.0")):
        fake.write_wheel(tmp_path / "torch", name, number)
    attempt = internet("cu126")
    attempt.run()
    assert attempt.environment.completion_record()["proof"]["versions"]["torch"] == version
    packages = attempt.environment.site_packages
    assert all((packages / name).is_dir() for name in ("fakeraster-1.0.dist-info", "nvidiathing"))


@posix
def test_a_file_that_was_changed_on_the_disk_after_the_download_is_downloaded_again(internet):
    attempt = internet(cancel=lambda line: line.strip() == "Unpack and install")
    with pytest.raises(InstallCancelled):
        attempt.run()
    downloaded = attempt.request.wheels / "fakeraster-1.0-py3-none-any.whl"
    fake.tamper(downloaded)
    internet().fail("fakeraster-1.0-py3-none-any.whl: changed on this disk")
    assert not downloaded.exists()
    last = internet()
    last.run()
    assert "Download torch: already done" in last.text
    assert last.missing("fakeraster") == []


@posix
def test_a_folder_of_the_user_may_hold_other_wheels_and_the_log_names_them(attempt, python_info, tmp_path):
    wheels = fake.write_all(tmp_path / "w", builds.torch_version(python_info.target))
    fake.write_lock(lock.LOCK, wheels)
    fake.tamper(wheels / "fakelearn-2.0-py3-none-any.whl")
    made = attempt()
    made.run()
    log = made.environment.log.read_text().splitlines()
    assert "1 of 3 wheels are in Scarp's list of hashes." in log
    unverified = next(line for line in log if line.startswith("Not in the list"))
    named = [name in unverified for name in ("fakelearn-2.0", "torch-", "fakeraster")]
    assert named == [True, True, False]
    assert len(list(wheels.iterdir())) == 3


def test_library_names_are_normalised(tmp_path, monkeypatch):
    wheel = fake.write_wheel(tmp_path, "Fake_Raster.x", "1.0")
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")
    lock.LOCK.write_text(f"fake-raster-x==1.0 \\\n    --hash=sha256:{fake.digest(wheel)}\n")
    assert lock.compare(tmp_path).verified == [wheel]
    lock.LOCK.write_text(f"fake-raster-x==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    assert lock.compare(tmp_path).unmatched_files() == [wheel]
    lock.LOCK.write_text("# nothing\n")
    assert lock.compare(tmp_path).unknown == [wheel]


def test_a_new_lock_restarts_the_download_and_keeps_complete_environments(python_info, fakes, tmp_path):
    def keys() -> list[str]:
        fake.forget_hashes()
        sources = [Source(kind, tmp_path) for kind in (SourceKind.INTERNET, SourceKind.CONFIGURED, SourceKind.FOLDER)]
        environment = PrivateEnvironment(tmp_path)
        return [Request(python_info, BUILD_OF_SOURCE, source, environment).key for source in sources]

    before, listed = keys(), builds.requirements_hash()
    lock.LOCK.write_text("# new words\n")
    assert keys() == before
    lock.LOCK.write_text("a==1 --hash=sha256:0\n")
    assert [old == new for old, new in zip(before, keys())] == [False, True, True]
    assert builds.requirements_hash() == listed


def test_only_the_lock_decides_what_is_downloaded_from_the_internet(python_info):
    request = Request(python_info, CPU, Source(), PrivateEnvironment(Path("/nowhere")))
    commands = {step.name: step.command for step in install.steps(request)}
    assert {"--require-hashes", "--no-deps", str(lock.LOCK)} <= set(commands["download"])
    assert str(builds.LIBRARIES) not in commands["download"]
    assert "--no-deps" in commands["torch"]
    assert "--no-index" in commands["install"]
