# Sourced by quickstart.sh and test.sh: install_scgan_fan goes to the repository's folder, makes .venv there and installs
# scgan_fan with the versions of constraints.txt. A second call is quick.
#
#   PYTHON=python3.12 scripts/quickstart.sh      an interpreter other than python3

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG=$ROOT/.venv/install.log

fail() {
    echo "error: $*" >&2
    exit 1
}

# Run a command with its output in $LOG; a terminal shows the newest line of it.
logged() {
    if [[ -t 1 ]]; then
        "$@" 2>&1 | tee -a "$LOG" | show_newest_line
    else
        "$@" >>"$LOG" 2>&1
    fi
}

show_newest_line() {
    local line width
    width=$(tput cols 2>/dev/null || echo 80)
    while IFS= read -r line; do
        line=${line##*$'\r'}  # of a progress bar only its last state
        printf '\r\033[K%s' "${line:0:width-1}"
    done
    printf '\r\033[K'
}

install_scgan_fan() {
    cd "$ROOT"
    make_venv
    stamp | cmp -s - .venv/installed && return
    : >"$LOG"
    echo "installing into $ROOT/.venv (log: $LOG)"
    pip_install 'pip, setuptools' pip setuptools wheel
    pip_install 'PyTorch: up to 3 GB to download, 6 GB on disk, some minutes' torch torchvision
    mended_basicsr
    # without isolation: BasicSR asks for torch to be built, and would get another copy of it
    pip_install 'BasicSR, scgan_fan and the rest: 0.5 GB, a minute or two' --no-build-isolation --editable '.[test]'
    stamp >.venv/installed
}

# What an installation depends on; the folder, because .venv does not work in another.
stamp() {
    echo "$ROOT"
    cat setup.py constraints.txt
}

make_venv() {
    local python=${PYTHON:-python3} wanted found
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        [[ -n ${PYTHON:-} ]] || return 0
        wanted=$(python_version "$PYTHON") found=$(python_version .venv/bin/python)
        [[ $wanted == "$found" ]] || fail "$ROOT/.venv has Python $found, PYTHON=$PYTHON is $wanted; remove .venv first"
        return 0
    fi
    python_version "$python" >/dev/null
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv (as root)"
    "$python" -m venv --clear .venv || fail "$ROOT/.venv cannot be made; see above"
}

# Its version, such as 3.11; fails where it is not one that scgan_fan runs on.
python_version() {
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        fail "$1 cannot be run; install Python 3.10 to 3.13, or name one: PYTHON=/path/to/python3.12 $0"
    case $version in
        3.10 | 3.11 | 3.12 | 3.13) echo "$version" ;;
        *) fail "$1 is Python $version, scgan_fan needs 3.10 to 3.13; name one: PYTHON=/path/to/python3.12 $0" ;;
    esac
}

# pip_install WHAT ARGUMENT...
pip_install() {
    local what=$1 start=$SECONDS
    shift
    echo "  $what"
    logged .venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt "$@" ||
        fail "pip failed ($(grep -i '^error' "$LOG" | tail -n 1)); its whole output: $LOG"
    echo "    done in $((SECONDS - start)) s"
}

# The setup.py of BasicSR 1.4.2 takes its version from locals() after an exec(), which Python 3.13 does not fill any more.
mended_basicsr() {
    local folder setup
    [[ $(python_version .venv/bin/python) == 3.13 ]] || return 0
    .venv/bin/python -m pip show --quiet basicsr 2>/dev/null && return
    folder=$(mktemp -d)
    # pip unpacks it, fails to read its version, and is told to leave it where it is
    TMPDIR=$folder .venv/bin/python -m pip download --quiet --no-clean --no-deps --no-binary basicsr \
        --no-build-isolation --constraint constraints.txt --dest "$folder" basicsr >>"$LOG" 2>&1 || true
    setup=$(find "$folder" -path '*/basicsr_*/setup.py' -print -quit)
    [[ -n $setup ]] || fail "BasicSR could not be downloaded; pip's output: $LOG"
    sed -i.bak "s/return locals()\['__version__'\]/return open('VERSION').read().strip()/" "$setup"
    pip_install 'BasicSR, mended for Python 3.13' --no-build-isolation --no-deps "$(dirname "$setup")"
    rm -rf "$folder"
}
