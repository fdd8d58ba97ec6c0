"""Downloads are verified: the lock covers everything needed, and a file that is not in it is never installed."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from scarp.environment import builds, install, lock
from scarp.environment.builds import BUILD_OF_SOURCE, CPU, Target
from scarp.environment.failures import InstallCancelled, InstallFailed
from scarp.environment.install import Request
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source, SourceKind
from scarp.tests.core import fake_installation as fake
from scarp.tests.core.test_environment_builds import SUPPORTED, ids, requirements_for

LISTS = (builds.LIBRARIES, lock.LOCK)
NEEDED_BY_TORCH = {"filelock", "typing-extensions", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="makes environments as on POSIX")


def entries() -> list[str]:
    """Return the lock's entries, each on one line."""
    text = LISTS[1].read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if not line.startswith("#")]


def versions(lines: list[str], target: Target) -> dict[str, str]:
    """Return the versions that the lines ask for on a computer by normalised name; each library only once."""
    utils = pytest.importorskip("packaging.utils")
    found = requirements_for([line.partition(" --hash")[0] for line in lines], target)
    names = Counter(utils.canonicalize_name(item.name) for item in found)
    assert max(names.values()) == 1, f"more than one version of {names.most_common(1)}"
    return {utils.canonicalize_name(item.name): str(item.specifier) for item in found}


@pytest.mark.parametrize("target", SUPPORTED, ids=ids)
def test_the_lock_has_the_libraries_of_the_list_in_the_same_versions(target):
    locked = versions(entries(), target)
    direct = versions(LISTS[0].read_text(encoding="utf-8").splitlines(), target)
    assert direct.items() <= locked.items()
    assert set(locked) >= NEEDED_BY_TORCH
    assert "torch" not in locked
    assert not [name for name in locked if name.startswith(("nvidia", "triton", "cuda"))]
    assert all(re.fullmatch(r"==[\w.]+", version) for version in locked.values())


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
    attempt = internet()
    with pytest.raises(InstallFailed, match=r"not the one that was expected \(fakelearn==2.0\).*nothing of it"):
        attempt.run()
    assert not [name for name in attempt.wheels if "fakelearn" in name]
    assert attempt.environment.python is None
    assert attempt.missing("fakelearn", "fakeraster", "torch") == ["fakelearn", "fakeraster", "torch"]
    wheel.write_bytes(right)
    again = internet()
    again.run()
    assert again.missing("fakelearn", "fakeraster", "torch") == []
    assert "Download torch: already done" in again.text


@posix
def test_a_torch_that_does_not_match_the_hash_of_its_index_is_rejected(internet, tmp_path):
    attempt = internet()
    fake.tamper(next((tmp_path / "torch").glob("*.whl")))
    with pytest.raises(InstallFailed, match=r"not the one that was expected \(torch==.*nothing of it"):
        attempt.run()
    assert attempt.wheels == []
    assert attempt.missing("torch") == ["torch"]


@posix
def test_a_dependency_that_is_not_in_the_lock_is_not_installed(internet, tmp_path):
    fake.write_wheel(tmp_path / "public", "stranger", "1.0")
    fake.write_wheel(tmp_path / "public", "fakelearn", "2.0", needs=("stranger",))
    fake.write_lock(lock.LOCK, tmp_path / "public")
    attempt = internet()
    with pytest.raises(InstallFailed, match="stranger"):
        attempt.run()
    assert "stranger-1.0" not in " ".join(attempt.wheels)
    assert "Successfully installed" not in attempt.text
    assert attempt.missing("stranger", "fakelearn") == ["stranger", "fakelearn"]


@posix
def test_a_cuda_build_brings_its_own_libraries_but_locked_ones_come_from_the_lock(internet, python_info, tmp_path):
    version = f"{builds.torch_version(python_info.target)}+cu126"
    fake.write_wheel(tmp_path / "torch", "torch", version, needs=("nvidiathing", "fakeraster>=0.5"))
    fake.write_wheel(tmp_path / "torch", "nvidiathing", "12.6")
    # Newer than the locked one, and the same version with other bytes.
    fake.write_wheel(tmp_path / "torch", "fakeraster", "3.0")
    fake.write_wheel(tmp_path / "torch", "fakelearn", "2.0")
    attempt = internet("cu126")
    attempt.run()
    assert attempt.environment.completion_record()["proof"]["versions"]["torch"] == version
    packages = attempt.environment.site_packages
    assert (packages / "fakeraster-1.0.dist-info").is_dir()
    assert (packages / "nvidiathing").is_dir()


@posix
def test_a_file_that_was_changed_on_the_disk_after_the_download_is_downloaded_again(internet):
    attempt = internet(cancel=lambda line: line.strip() == "Unpack and install")
    with pytest.raises(InstallCancelled):
        attempt.run()
    downloaded = attempt.request.wheels / "fakeraster-1.0-py3-none-any.whl"
    fake.tamper(downloaded)
    with pytest.raises(InstallFailed, match="fakeraster-1.0-py3-none-any.whl: changed on this disk"):
        internet().run()
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
    assert "fakelearn-2.0" in unverified
    assert "torch-" in unverified
    assert "fakeraster" not in unverified
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
