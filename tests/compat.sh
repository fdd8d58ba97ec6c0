#!/usr/bin/env bash
# Runs the whole test suite on another Debian, and with it on another QGIS, Qt and Python.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Empty: the one that debootstrap knows.
mirror=${SCARP_COMPAT_MIRROR:-}
packages=(
    ca-certificates qgis python3-qgis gdal-bin xvfb xauth fonts-dejavu-core qttools5-dev-tools
    python3-venv python3-pip python3-torch python3-rasterio python3-sklearn python3-safetensors python3-scipy
    python3-matplotlib python3-jinja2 python3-distributed python3-shapely
    python3-pytest python3-hypothesis python3-flake8 bandit python3-yaml python3-requests python3-pyqt6 python3-pyqt6.qtsvg
)

say() { printf '%s\n' "$*" >&2; }

usage() {
    say "Usage: tests/compat.sh SUITE [PYTEST ARGS]"
    say "  SUITE  trixie (Debian 13: QGIS 3.40, Python 3.13) or forky (Debian testing: QGIS 3.44, Python 3.14)"
    say "Without PYTEST ARGS the whole suite runs. The system lies in .build/compat/SUITE, or in the folder that"
    say "SCARP_COMPAT_FOLDER names; it is made when it is not there (4 to 5 GB, from SCARP_COMPAT_MIRROR) and used"
    say "again after that. SCARP_TEST_DATA names the folder with real data, as for ./run test. Needs root."
    exit 2
}

# Everything happens in mount and network namespaces of its own: whatever ends this script, nothing stays mounted.
inside() {
    unshare --mount --propagation private "${isolated[@]}" -- bash -euc '
        folder=$1; data=$2; shift 2
        mount -t proc proc "$folder/proc"
        mount --rbind /dev "$folder/dev"
        if [ -n "$data" ]; then
            mkdir -p "$folder/data"
            mount --bind "$data" "$folder/data"
            mount -o remount,ro,bind "$folder/data"
        fi
        ip link set lo up 2>/dev/null || true
        exec chroot "$folder" "$@"' inside "$folder" "${data:-}" "$@"
}

make_system() {
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
    # A debootstrap older than the suite does not know it by name; all suites are made the way sid is.
    local script=()
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/sid)
    say "Making a Debian $suite in $folder ..."
    mkdir -p "$folder"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$folder" "$mirror" "${script[@]}" \
        >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
    # Packages must not start services in here.
    printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
    chmod +x "$folder/usr/sbin/policy-rc.d"
}

install_packages() {
    local mark=$folder/.scarp-installed wanted
    wanted=$(printf '%s\n' "${packages[@]}" "$(wanted_from_pip)" | sha256sum)
    [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ] && return
    cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
    # A network with a certificate of its own has it in this computer's list, and not in the new system's.
    cp -L /etc/ssl/certs/ca-certificates.crt "$folder/tmp/ca-certificates.crt"
    say "Installing QGIS, PyTorch and the test tools in it ..."
    # A mirror that lags behind says that its lists are out of date; for a system that only runs tests they are not.
    inside env DEBIAN_FRONTEND=noninteractive sh -euc 'apt-get -o Acquire::Check-Valid-Until=false update -qq
        apt-get install -y -qq --no-install-recommends "$@"' install "${packages[@]}" >"$folder.log" 2>&1 \
        || { tail -n 20 "$folder.log" >&2; exit 1; }
    # What Debian does not have. --no-deps: pip must not put other versions over Debian's.
    inside env PIP_CERT=/tmp/ca-certificates.crt SSL_CERT_FILE=/tmp/ca-certificates.crt sh -euc '
        python3 -m venv --system-site-packages /opt/scarp-tests
        /opt/scarp-tests/bin/python -m pip install --quiet --no-deps "$@"' install $(wanted_from_pip) \
        >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
    printf '%s' "$wanted" >"$mark"
}

wanted_from_pip() { grep -E '^(pytest-qgis|detect-secrets)==' "$root/requirements-test.txt"; }

copy_checkout() {
    rm -rf --one-file-system "$folder/checkout"
    mkdir -p "$folder/checkout"
    local file
    git -C "$root" -c safe.directory="$root" ls-files -z --cached --others --exclude-standard \
        | while IFS= read -r -d '' file; do
            # A file that is deleted and not yet committed is listed and not there.
            if [ -e "$root/$file" ]; then printf '%s\0' "$file"; fi
        done \
        | tar -C "$root" --null --no-recursion -T - -cf - \
        | tar -C "$folder/checkout" --no-same-owner -xf -
    printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(hostname)" >"$folder/etc/hosts"
}

[ $# -ge 1 ] || usage
suite=$1
shift
case $suite in trixie | forky | sid) ;; *) usage ;; esac
[ "$(id -u)" -eq 0 ] || exec sudo -E "${BASH_SOURCE[0]}" "$suite" "$@"
folder=${SCARP_COMPAT_FOLDER:-$root/.build/compat/$suite}
isolated=()
[ -x "$folder/usr/bin/apt-get" ] || make_system
install_packages
copy_checkout
say "$(inside sh -c 'qgis_process=$(command -v qgis_process.bin || command -v qgis_process)
    QT_QPA_PLATFORM=offscreen $qgis_process --version 2>/dev/null | head -n 3; python3 --version')"
# No network: a test that needs one is wrong, and a window opened in here must not meet one opened outside.
isolated=(--net)
data=${SCARP_TEST_DATA:-}
inside env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" \
    SCARP_VENV=/opt/scarp-tests ${data:+SCARP_TEST_DATA=/data} /checkout/run test "$@"
