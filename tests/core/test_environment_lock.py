"""What is loaded is verified: the lock covers all that is needed, and a file that is not in it is never installed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from scarp.environment import builds, lock, plan, sources
from scarp.environment.builds import BUILD_OF_SOURCE, CPU, Target
from scarp.environment.failures import InstallFailed
from scarp.environment.plan import Request
from scarp.environment.private import PrivateEnvironment
from scarp.environment.sources import Source, SourceKind
from scarp.tests.core.attempts import Attempt, forget, plain_facts, use_fakes, with_pip
from scarp.tests.core.test_environment_builds import NOTHING_FOR, TARGETS, ids
from scarp.tests.core.wheels import digest, tamper, write_all, write_index, write_lock, write_wheel

LISTS = (builds.LIBRARIES, lock.LOCK)
SUPPORTED = [target for target in TARGETS if target not in NOTHING_FOR]
NEEDED_BY_TORCH = {"filelock", "typing-extensions", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="makes environments as on POSIX")


def entries() -> list[str]:
    """Return the lock's entries, each on one line."""
    text = LISTS[1].read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if not line.startswith("#")]


def asked_for(lines: list[str], target: Target) -> dict[str, str]:
    """Return the versions that the lines ask for on a computer, by normal name; each may stand there once."""
    requirements = pytest.importorskip("packaging.requirements")
    utils = pytest.importorskip("packaging.utils")
    values = {
        "python_version": f"3.{target.version[1]}",
        "sys_platform": target.platform,
        "platform_machine": target.machine,
    }
    found = [
        requirements.Requirement(line.partition(" --hash")[0]) for line in lines if line and not line.startswith("#")
    ]
    held = [item for item in found if item.marker is None or item.marker.evaluate(values)]
    names = Counter(utils.canonicalize_name(item.name) for item in held)
    assert max(names.values()) == 1, f"more than one version of {names.most_common(1)}"
    return {utils.canonicalize_name(item.name): str(item.specifier) for item in held}


@pytest.mark.parametrize("target", SUPPORTED, ids=ids)
def test_the_lock_has_what_the_list_asks_for_in_the_same_versions(target):
    locked = asked_for(entries(), target)
    direct = asked_for(LISTS[0].read_text(encoding="utf-8").splitlines(), target)
    assert direct.items() <= locked.items()
    assert set(locked) >= NEEDED_BY_TORCH
    assert "torch" not in locked
    assert not [name for name in locked if name.startswith(("nvidia", "triton", "cuda"))]
    assert all(re.fullmatch(r"==[\w.]+", version) for version in locked.values())


def test_every_entry_has_hashes_and_the_reader_sees_them_all():
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


def test_what_is_installed_here_in_a_locked_version_needs_nothing_that_is_not_locked():
    metadata = pytest.importorskip("importlib.metadata")
    requirements = pytest.importorskip("packaging.requirements")
    target = Target(sys.version_info[:2], sys.platform, plain_facts().target.machine)
    locked = asked_for(entries(), target)
    looked_at = 0
    for name, version in locked.items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if f"=={found.version}" == version:
            looked_at += 1
            for need in map(requirements.Requirement, found.requires or []):
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    assert re.sub(r"[-_.]+", "-", need.name).lower() in locked, f"{name} needs {need}"
    if not looked_at:
        pytest.skip("Nothing is installed here in a locked version.")


@pytest.fixture(scope="module")
def facts():
    return plain_facts()


@pytest.fixture(scope="module")
def base(tmp_path_factory, facts):
    """An environment with pip, copied for each test."""
    return with_pip(tmp_path_factory.mktemp("base") / "py", facts)


@pytest.fixture
def internet(facts, base, tmp_path, monkeypatch):
    """Two indexes on disk in place of PyTorch's and the public one, a lock over the second, and a try at them."""
    use_fakes(tmp_path, monkeypatch)
    version = f"{builds.torch_version(facts.target)}+cpu"
    write_wheel(tmp_path / "torch", "torch", version)
    write_all(tmp_path / "public", version)
    write_lock(lock.LOCK, tmp_path / "public")
    forget()

    def attempt(build: str = CPU, **options) -> Attempt:
        monkeypatch.setattr(
            plan.builds, "index_of_torch", lambda build: write_index(tmp_path / "index of torch", tmp_path / "torch")
        )
        monkeypatch.setattr(
            sources, "ALWAYS", {**sources.ALWAYS, "PIP_INDEX_URL": write_index(tmp_path / "index", tmp_path / "public")}
        )
        made = Attempt(facts, tmp_path / "py", Source(), build, **options)
        return made if made.environment.folder.exists() else made.start_with(base)

    yield attempt
    forget()


def wheels_in(attempt: Attempt) -> list[str]:
    return sorted(path.name for path in attempt.request.wheels.glob("*"))


@posix
def test_a_file_with_another_bit_is_refused_and_the_right_one_loaded_by_the_next_try(internet, tmp_path):
    wheel = tmp_path / "public" / "fakelearn-2.0-py3-none-any.whl"
    right = wheel.read_bytes()
    tamper(wheel)
    assert len(wheel.read_bytes()) == len(right) + 1
    attempt = internet()
    with pytest.raises(InstallFailed, match=r"not the one that was expected \(fakelearn==2.0\).*nothing of it"):
        attempt.run()
    assert not [name for name in wheels_in(attempt) if "fakelearn" in name]
    assert attempt.environment.python is None
    assert attempt.environment.missing(["fakelearn", "fakeraster", "torch"]) == ["fakelearn", "fakeraster", "torch"]
    wheel.write_bytes(right)
    again = internet()
    again.run()
    assert again.environment.missing(["fakelearn", "fakeraster", "torch"]) == []
    assert "Load torch: done before" in again.text


@posix
def test_a_torch_that_is_not_what_its_index_states_is_refused(internet, tmp_path, monkeypatch):
    attempt = internet()
    address = builds.index_of_torch(CPU)
    monkeypatch.setattr(plan.builds, "index_of_torch", lambda build: address)
    tamper(next((tmp_path / "torch").glob("*.whl")))
    with pytest.raises(InstallFailed, match=r"not the one that was expected \(torch==.*nothing of it"):
        attempt.run()
    assert wheels_in(attempt) == []
    assert attempt.environment.missing(["torch"]) == ["torch"]


@posix
def test_a_dependency_that_is_not_in_the_lock_is_not_installed(internet, tmp_path):
    write_wheel(tmp_path / "public", "stranger", "1.0")
    write_wheel(tmp_path / "public", "fakelearn", "2.0", needs=("stranger",))
    write_lock(lock.LOCK, tmp_path / "public")
    forget()
    attempt = internet()
    with pytest.raises(InstallFailed, match="stranger"):
        attempt.run()
    assert "stranger-1.0" not in " ".join(wheels_in(attempt))
    assert "Successfully installed" not in attempt.text
    assert attempt.environment.missing(["stranger", "fakelearn"]) == ["stranger", "fakelearn"]


@posix
def test_a_cuda_build_brings_its_own_and_what_the_lock_names_comes_from_the_lock(internet, facts, tmp_path):
    version = f"{builds.torch_version(facts.target)}+cu126"
    write_wheel(tmp_path / "torch", "torch", version, needs=("nvidiathing", "fakeraster>=0.5"))
    write_wheel(tmp_path / "torch", "nvidiathing", "12.6")
    # Newer than the locked one, and the same version with other bytes.
    write_wheel(tmp_path / "torch", "fakeraster", "3.0")
    write_wheel(tmp_path / "torch", "fakelearn", "2.0")
    attempt = internet("cu126")
    attempt.run()
    assert attempt.environment.mark()["proof"]["versions"]["torch"] == version
    packages = attempt.environment.site_packages
    assert (packages / "fakeraster-1.0.dist-info").is_dir()
    assert (packages / "nvidiathing").is_dir()


@posix
def test_a_file_that_was_changed_on_the_disk_after_loading_is_loaded_again(internet, tmp_path):
    attempt = internet(cancel=lambda line: line == "Unpack and install" or line == "\nUnpack and install")
    with pytest.raises(Exception, match="Cancelled"):
        attempt.run()
    loaded = attempt.request.wheels / "fakeraster-1.0-py3-none-any.whl"
    tamper(loaded)
    with pytest.raises(InstallFailed, match="fakeraster-1.0-py3-none-any.whl: changed on this disk"):
        internet().run()
    assert not loaded.exists()
    last = internet()
    last.run()
    assert "Load torch: done before" in last.text
    assert last.environment.missing(["fakeraster"]) == []


@posix
def test_a_folder_of_ones_own_may_hold_others_and_the_log_names_them(facts, base, tmp_path, monkeypatch):
    use_fakes(tmp_path, monkeypatch)
    wheels = write_all(tmp_path / "w", builds.torch_version(facts.target))
    write_lock(lock.LOCK, wheels)
    tamper(wheels / "fakelearn-2.0-py3-none-any.whl")
    attempt = Attempt(facts, tmp_path / "py", Source(SourceKind.FOLDER, wheels)).start_with(base)
    attempt.run()
    log = attempt.environment.log.read_text().splitlines()
    assert "1 of 3 wheels are files that Scarp's list of hashes knows." in log
    said = next(line for line in log if line.startswith("Not known to it"))
    assert "fakelearn-2.0" in said
    assert "torch-" in said
    assert "fakeraster" not in said
    assert len(list(wheels.iterdir())) == 3
    forget()


def test_names_are_compared_as_indexes_write_them(tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, "Fake_Raster.x", "1.0")
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")
    lock.LOCK.write_text(f"fake-raster-x==1.0 \\\n    --hash=sha256:{digest(wheel)}\n")
    assert lock.compare(tmp_path).verified == [wheel]
    lock.LOCK.write_text(f"fake-raster-x==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    assert lock.compare(tmp_path).unmatched_files() == [wheel]
    lock.LOCK.write_text("# nothing\n")
    assert lock.compare(tmp_path).unknown == [wheel]


def test_a_new_lock_begins_the_loading_anew_and_leaves_complete_environments_alone(facts, tmp_path, monkeypatch):
    use_fakes(tmp_path, monkeypatch)

    def keys() -> list[str]:
        forget()
        return [
            Request(facts, BUILD_OF_SOURCE, Source(kind, tmp_path), PrivateEnvironment(tmp_path)).key
            for kind in (SourceKind.INTERNET, SourceKind.CONFIGURED, SourceKind.FOLDER)
        ]

    before, listed = keys(), builds.requirements_hash()
    lock.LOCK.write_text("# new words\n")
    assert keys() == before
    lock.LOCK.write_text("a==1 --hash=sha256:0\n")
    assert [old == new for old, new in zip(before, keys())] == [False, True, True]
    assert builds.requirements_hash() == listed
    forget()


def test_only_the_lock_decides_what_is_loaded_from_the_internet(facts):
    request = Request(facts, CPU, Source(), PrivateEnvironment(Path("/nowhere")))
    commands = {step.name: step.command for step in plan.steps(request)}
    assert {"--require-hashes", "--no-deps", str(lock.LOCK)} <= set(commands["download"])
    assert str(builds.LIBRARIES) not in commands["download"]
    assert "--no-deps" in commands["torch"]
    assert "--no-index" in commands["install"]
