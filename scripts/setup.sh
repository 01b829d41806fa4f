# The set-up that scripts/run, test, check and dev share. Sourced by bash, never run by itself.
#
# Each stage is stamped with a digest of what it was made from (.venv/.studio/<stage>), so a second start only
# compares digests. A stage that was interrupted has no stamp and is done again; one that was killed while pip
# wrote has left .venv/.studio/unfinished, and the environment is made anew. One set-up runs at a time.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
STAMPS=$VENV/.studio
LOCKS=$ROOT/scripts/locks
UI=$ROOT/app/ui

say() { printf 'studio: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# retry COMMAND…: three tries with a pause, for steps that need the network.
retry() {
    local pause_s
    for pause_s in 5 20; do
        "$@" && return 0
        say "'$1' did not work; trying again in $pause_s s"
        sleep "$pause_s"
    done
    "$@"
}

digest() { cat "$@" 2>/dev/null | sha256sum | cut -c1-32; }
stamped() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$STAMPS/$1.new" && mv "$STAMPS/$1.new" "$STAMPS/$1"; }

# --- Debian packages -------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "cannot install Debian packages: run this as root, or install sudo, or install them yourself: ${missing[*]}"
    fi
}

has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
has() { command -v "$1" >/dev/null; }
has_venv() { "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; }

# need_packages [chromium]: with what the tests want beside it; installs what is missing, judged by what is there and not by package names, so a
# Postgres from another archive counts. Nothing is started, and Debian makes no cluster of its own.
need_packages() {
    missing=()
    has_postgres || missing+=(postgresql)
    has redis-server || missing+=(redis-server)
    { has ffmpeg && has ffprobe; } || missing+=(ffmpeg)
    has restic || missing+=(restic)
    [ -z "${1:-}" ] || has chromium || missing+=(chromium)
    [ -z "${1:-}" ] || { has curl && has jq; } || missing+=(curl jq)  # for the README's own commands
    # Backups to other machines are tested against real ones.
    [ -z "${1:-}" ] || has rclone || missing+=(rclone)
    [ -z "${1:-}" ] || { has ssh && [ -x /usr/sbin/sshd ]; } || missing+=(openssh-client openssh-server)
    [ "${#missing[@]}" -gt 0 ] || return 0
    install_packages
}

install_packages() {
    has apt-get || fail "this machine has no apt-get; install these yourself: ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"
    retry as_root apt-get update -qq || fail "could not reach Debian's mirror for: ${missing[*]}"
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    # A policy-rc.d that refuses keeps Debian from starting redis-server; ours goes away again, another's stays.
    local policy=/usr/sbin/policy-rc.d own=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
        own=1
    fi
    local status=0 log
    log=$(mktemp)
    retry as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "${missing[@]}" >"$log" 2>&1 </dev/null || status=$?
    [ -z "$own" ] || as_root rm -f "$policy"
    [ "$status" = 0 ] || { tail -n 20 "$log" >&2; fail "apt-get could not install: ${missing[*]}"; }
    rm -f "$log"
}

has_docker() { has docker && docker info >/dev/null 2>&1; }

# need_containers: something that builds and runs images. runc, because crun fails where cgroups are hybrid.
need_containers() {
    if has_docker || { has buildah && has podman; }; then return 0; fi
    missing=(buildah podman runc netavark aardvark-dns iptables ca-certificates)
    install_packages
}

# --- Python ----------------------------------------------------------------------------------------------------

# find_python: the first Python that is at least 3.11; a virtual environment that exists keeps its own.
find_python() {
    local candidate
    for candidate in "$VENV/bin/python" python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON=$candidate
            return 0
        fi
    done
    has python3 && fail "Studio needs Python 3.11 or newer; python3 here is $(python3 --version 2>&1). Install one (Debian 12 has 3.11)."
    missing=(python3 python3-venv)
    install_packages
    PYTHON=/usr/bin/python3
}

make_venv() {
    if [ -e "$STAMPS/unfinished" ]; then
        say "the last set-up was cut off; making the virtual environment anew"
        rm -rf "$VENV"
    fi
    find_python
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        [ "$PYTHON" != "$VENV/bin/python" ] || { rm -rf "$VENV"; find_python; }
        has_venv || { missing=(python3-venv); install_packages; }
        say "making .venv with $("$PYTHON" --version)"
        "$PYTHON" -m venv "$VENV" || fail "could not make a virtual environment in $VENV"
    fi
    mkdir -p "$STAMPS"
    link_checkout
}

# The checkout itself is on the path, and `studio` is a command, without a build or the network.
link_checkout() {
    local site
    site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    [ "$(cat "$site/studio.pth" 2>/dev/null)" = "$ROOT" ] || printf '%s\n' "$ROOT" >"$site/studio.pth"
    if [ ! -x "$VENV/bin/studio" ]; then
        printf '#!%s/bin/python\nfrom appliance.cli import main\n\nmain()\n' "$VENV" >"$VENV/bin/studio"
        chmod +x "$VENV/bin/studio"
    fi
}

pip_install() {
    local status=0
    : >"$STAMPS/unfinished"
    "$VENV/bin/python" -m pip --disable-pip-version-check -qq install --no-input "$@" || status=$?
    rm -f "$STAMPS/unfinished"
    return "$status"
}

# need_python runtime|dev: the Python packages of one lock, every file checked against its hash.
need_python() {
    local lock=$LOCKS/$1.txt wanted
    wanted=$(digest "$lock")
    stamped "python-$1" "$wanted" && return 0
    say "installing Python packages ($1)"
    retry pip_install --require-hashes --no-deps -r "$lock" || fail "could not install the Python packages of $lock"
    stamp "python-$1" "$wanted"
    # dev holds all of runtime, so runtime need not be looked at again.
    [ "$1" != dev ] || stamp python-runtime "$(digest "$LOCKS/runtime.txt")"
}

# --- torch -----------------------------------------------------------------------------------------------------

has_nvidia() { [ -e /proc/driver/nvidia/version ] || { has nvidia-smi && nvidia-smi -L >/dev/null 2>&1; }; }

# need_torch [auto|cpu|cuda|none]: auto takes CUDA where there is an NVIDIA driver and the CPU build elsewhere;
# without a word the last one said holds, or auto. The CPU build is looked for where pip finds wheels on this machine, then on PyTorch's own index. Never on PyPI:
# there torch means several GB of CUDA.
need_torch() {
    local kind=${1:-$(cat "$STAMPS/torch-choice" 2>/dev/null || echo auto)} version wanted
    [ -z "$1" ] || printf '%s\n' "$1" >"$STAMPS/torch-choice"
    [ "$kind" != auto ] || { has_nvidia && kind=cuda || kind=cpu; }
    wanted="$kind $(digest "$LOCKS/torch.txt" "$LOCKS/cuda.txt")"
    stamped torch "$wanted" && return 0
    # One that could not be had is not looked for at every start; asking for it by name tries again.
    [ -n "$1" ] || ! stamped torch "missing $wanted" || return 0
    [ "$kind" != none ] || { stamp torch "$wanted"; return 0; }
    version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$LOCKS/cuda.txt")
    if [ "$kind" = cuda ]; then
        say "installing torch $version with CUDA (several GB)"
        retry pip_install --require-hashes --no-deps -r "$LOCKS/cuda.txt" || fail "could not install torch with CUDA"
    elif ! cpu_torch "$version"; then
        say "no CPU build of torch $version can be had here; everything works but the steps that need it (text.embed)." \
            "To try again: scripts/run --torch cpu; to take the CUDA build all the same: scripts/run --torch cuda"
        stamp torch "missing $wanted"
        return 0
    fi
    say "installing Python packages (torch)"
    retry pip_install --require-hashes --no-deps -r "$LOCKS/torch.txt" || fail "could not install the packages beside torch"
    stamp torch "$wanted"
}

cpu_torch() {
    [ "$("$VENV/bin/python" -c 'from importlib.metadata import version as v; print(v("torch").split("+")[0])' 2>/dev/null)" = "$1" ] && return 0
    say "installing torch $1 for the CPU"
    pip_install --no-index --no-deps "torch==$1" 2>/dev/null ||
        pip_install --no-deps --retries 1 --index-url https://download.pytorch.org/whl/cpu "torch==$1" 2>/dev/null
}

# --- the UI ----------------------------------------------------------------------------------------------------

is_node() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; }

# need_node: a node of at least 20 with its npm, in PATH; where there is none (Debian 12 has 18), the one that
# PyPI carries, by hash, into .venv.
need_node() {
    if has npm && is_node node; then return 0; fi
    local wanted
    wanted=$(digest "$LOCKS/tools.txt")
    if ! stamped node "$wanted"; then
        say "installing Node, because this machine has none of at least 20"
        retry pip_install --require-hashes --no-deps -r "$LOCKS/tools.txt" || fail "could not install Node"
        "$ROOT/scripts/link-node" "$VENV" "$VENV/node"
        stamp node "$wanted"
    fi
    PATH=$VENV/node:$PATH
}

ui_sources() {
    (cd "$UI" && find . \( -name node_modules -o -name dist -o -name test-results -o -name e2e \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-32
}

need_ui_packages() {
    need_node
    local wanted
    wanted="$(digest "$UI/package-lock.json") $(node --version)"
    stamped ui-packages "$wanted" && [ -d "$UI/node_modules" ] && return 0
    say "installing the UI's packages"
    (cd "$UI" && retry npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >&2) || fail "npm ci did not work in app/ui"
    stamp ui-packages "$wanted"
}

need_ui() {
    local wanted
    wanted=$(ui_sources)
    stamped ui "$wanted" && [ -e "$UI/dist/index.html" ] && return 0
    need_ui_packages
    say "building the UI"
    (cd "$UI" && npm run --silent build -- --logLevel warn >&2) || fail "the UI did not build"
    stamp ui "$wanted"
}

# --- all of it -------------------------------------------------------------------------------------------------

# set_up run|test [TORCH]: everything that `scripts/run` or `scripts/test` needs. Two at once: the second waits.
set_up() {
    local what=$1 torch=${2:-}
    has flock || { missing=(util-linux); install_packages; }
    exec 9>"$ROOT/.setup.lock"
    flock -n 9 || { say "another set-up is running here; waiting for it"; flock 9; }
    if [ "$what" = test ]; then need_packages chromium; else need_packages; fi
    make_venv
    if [ "$what" = test ]; then need_python dev; else need_python runtime; fi
    need_torch "$torch"
    need_ui
    [ "$what" != test ] || need_ui_packages
    exec 9>&-
}
