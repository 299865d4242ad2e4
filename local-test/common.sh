# shellcheck shell=bash
# What the scripts of this folder share: Docker or a virtual environment, image, port.
# Sourced, not run. bash 3.2 and BSD tools are enough.
set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true # newer than bash 3.2

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "${here}")"
# shellcheck disable=SC2034 # the scripts that source this use it
test_dir="${here}/test-dir"
port="${PORT:-8080}"
mode="auto" # docker, native, or whichever there is
image=""    # given by name, or built from the checkout

die() {
    echo "$(basename "${0}"): ${1}" >&2
    exit "${2:-1}"
}

usage() { # usage: usage TEXT
    echo "usage: ${1}" >&2
    exit 64
}

template::version() {
    sed -n 's/^__version__ = "\([^"]*\)".*/\1/p' "${root}/model/runtime/__init__.py"
}

# Says whether a path is the owner's: the last line of owned.txt that fits it decides.
owned::has() { # usage: owned::has PATH [LIST]
    local line pattern owned="no"
    while read -r line; do
        [[ "${line}" != \#* ]] || continue
        pattern="${line#!}"
        # shellcheck disable=SC2053 # the right side is a pattern
        [[ "${1}" == ${pattern} || "${1}" == ${pattern}/* ]] || continue
        owned="yes"
        [[ "${line}" == "${pattern}" ]] || owned="no"
    done <"${2:-${root}/owned.txt}"
    [[ "${owned}" == "yes" ]]
}

mode::choose() {
    if [[ "${mode}" != "auto" ]]; then
        return
    fi
    if docker info >/dev/null 2>&1; then
        mode="docker"
    else
        mode="native"
        echo "no Docker engine answers: the same programs run in the environment .venv" >&2
    fi
}

# Builds the image, unless one was named: an edit of the code is never forgotten.
image::ensure() {
    if [[ -n "${image}" ]]; then
        docker image inspect "${image}" >/dev/null 2>&1 ||
            die "there is no image ${image}: build it, docker build --tag ${image} ${root}"
        return
    fi
    image="sagemaker-model:local"
    docker info >/dev/null 2>&1 || die "no Docker engine answers: start it, or use --native"
    local buildkit=1 build_log arguments=(--tag "${image}")
    if ! docker buildx version >/dev/null 2>&1; then
        buildkit=0
        arguments+=(--force-rm) # the classic builder leaves a container where it fails
    fi
    arguments+=(--label "org.opencontainers.image.version=$(template::version)")
    if [[ -n "${BASE_IMAGE:-}" ]]; then
        arguments+=(--build-arg "BASE_IMAGE=${BASE_IMAGE}")
    fi
    build_log="$(mktemp)"
    docker image inspect "${image}" >/dev/null 2>&1 ||
        echo "building the image ${image}; the first time takes some minutes: Python and its packages are downloaded" >&2
    if ! BUILDKIT_PROGRESS=plain DOCKER_BUILDKIT="${buildkit}" \
        docker build "${arguments[@]}" "${root}" 2>&1 | image::progress "${build_log}"; then
        tail -n 30 "${build_log}" >&2
        rm -f "${build_log}"
        die "the image was not built: repair what is named above, then run this again"
    fi
    rm -f "${build_log}"
}

# Shows each instruction that takes time as it begins, of either builder: nothing where
# all of them are in its cache. The whole goes to a file.
image::progress() { # usage: docker build ... | image::progress FILE
    local line step="" steps=() words
    local runs='^#([0-9]+) [0-9.]+ |^ ---> Running in '
    while IFS= read -r line; do
        echo "${line}" >>"${1}"
        if [[ "${line}" =~ ^Step\ .*:\ (.*) ]]; then
            step="${BASH_REMATCH[1]}" # of the classic builder, one after the other
        elif [[ "${line}" =~ ^#([0-9]+)\ \[[^]]*\]\ (.*) ]]; then
            steps[BASH_REMATCH[1]]="${BASH_REMATCH[2]}" # of BuildKit, several at once
        elif [[ "${line}" =~ ${runs} ]]; then
            [[ -z "${BASH_REMATCH[1]}" ]] || step="${steps[BASH_REMATCH[1]]:-}"
            [[ -z "${BASH_REMATCH[1]}" ]] || steps[BASH_REMATCH[1]]="" # said once
            read -ra words <<<"${step}"
            [[ "${step}" != RUN* ]] || echo "   ${words[*]:0:8} ..." >&2
        fi
    done
}

# Options for a container whose files belong to whoever called, not to root.
# A rootless engine maps its root to the caller already.
container::user() {
    if docker info --format '{{.SecurityOptions}}' 2>/dev/null | grep -q rootless; then
        return
    fi
    local user group
    user="$(id -u)"
    group="$(id -g)"
    echo "--user=${user}:${group}"
}

# usage: native::ensure [VENV REQUIREMENTS]
# Makes an environment, again when its requirements have changed; sets `python`.
native::ensure() {
    local venv="${1:-${root}/.venv}" requirements="${2:-${root}/requirements.txt}"
    local candidate found="" wheels=()
    python="${venv}/bin/python"
    if cmp -s "${requirements}" "${venv}/requirements.txt"; then
        return
    fi
    for candidate in python3.13 python3.12 python3.11 python3; do
        # Not the Python of an active environment, which may be the one to be remade.
        if found="$("${candidate}" -c 'import sys; sys.version_info < (3, 11) and sys.exit(1)
print(sys._base_executable)' 2>/dev/null)"; then
            break
        fi
    done
    [[ -n "${found}" ]] || die "Python 3.11 or newer is needed: install it, or start Docker"
    echo "making the environment $(basename "${venv}") (once, a minute or two)" >&2
    rm -rf "${venv}"
    "${found}" -m venv "${venv}" || die "cannot make ${venv}: ${found} -m venv failed"
    [[ ! -d "${root}/wheels" ]] || wheels=(--find-links "${root}/wheels")
    "${python}" -m pip install --quiet --disable-pip-version-check \
        ${wheels[@]+"${wheels[@]}"} --requirement "${requirements}" ||
        die "packages are missing: repair ${requirements}, then run this again"
    cp "${requirements}" "${venv}/requirements.txt"
}

# Makes the environment of the tool that compiles and audits requirements; sets `uv`.
uv::ensure() {
    local pinned
    pinned="$(mktemp)"
    echo "uv==0.13.9" >"${pinned}"
    native::ensure "${root}/.venv-uv" "${pinned}"
    rm -f "${pinned}"
    # shellcheck disable=SC2034 # the scripts that source this use it
    uv="$(dirname "${python}")/uv"
}

# usage: child::run COMMAND...
# Runs a command in a process group of its own, and passes a stop on to it: Ctrl-C
# becomes one SIGTERM, which is what SageMaker sends. `stopped` says whether it came.
child::run() {
    local status=0
    set -m
    "$@" &
    child=$!
    set +m
    wait "${child}" || status=$?
    if [[ -n "${stopped}" ]]; then # a signal ends the first wait before the child ends
        wait "${child}" || true
    fi
    return "${status}"
}

child=""
stopped=""
trap 'stopped=yes; [[ -z "${child}" ]] || kill -TERM "${child}" 2>/dev/null || true' INT TERM HUP

port::require_free() {
    [[ "${port}" =~ ^[0-9]+$ && "${port}" -le 65535 ]] || die "PORT=${port} is no port" 64
    if (: <"/dev/tcp/127.0.0.1/${port}") 2>/dev/null; then
        die "port ${port} is in use: stop what listens there, or choose another, PORT=8081 ${0}"
    fi
}

folder::absolute() { # usage: folder::absolute PATH
    (CDPATH="" cd "${1}" 2>/dev/null && pwd) || die "there is no folder ${1}"
}
