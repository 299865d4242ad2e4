#!/usr/bin/env bash
# Adds packages of PyPI to the image, and to the environments of local runs and tests.
#
# Usage: local-test/add-package.sh [NAME ...]
#   NAME   as in requirements.in: lightgbm, "lightgbm>=4.6", "pandas[excel]"
#   Without a name it compiles requirements.in again, after an edit by hand.
#
# Writes requirements.in, packages.txt, requirements.txt and tests/requirements.txt; what
# is pinned there keeps its version. After a mistake all four are as they were.
#
# Example: local-test/add-package.sh lightgbm
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

added=()    # names as PyPI spells them
upgraded=() # options: what only the tests had takes the version of the image

# What packages need beside themselves. Sets lines, debian and advice.
package::know() { # usage: package::know NAME
    lines="${1}" debian="" advice=""
    case "${1}" in
        lightgbm) debian="libgomp1" ;;
        opencv-python) advice="opencv-python-headless does without the libraries of a screen" ;;
        psycopg2) advice="psycopg2-binary does without a compiler" ;;
        pyodbc) debian="unixodbc" ;;
        xgboost) advice="xgboost-cpu is the same without NVIDIA's libraries, 450 MB less" ;;
        xgboost-cpu) # which macOS has no wheel of
            lines="xgboost-cpu ; sys_platform == 'linux'"$'\n'"xgboost ; sys_platform != 'linux'"
            ;;
        *) ;;
    esac
}

package::add() { # usage: package::add REQUIREMENT, in the folder of the drafts
    local requirement="${1}" name
    local rule='^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]+\])?( *[<>=!~;].*)?$'
    [[ "${requirement}" =~ ${rule} ]] ||
        die "'${requirement}' is no package of PyPI; a wheel of your own goes into wheels/, then it has a name" 64
    name="$(tr '[:upper:]_.' '[:lower:]--' <<<"${BASH_REMATCH[1]}")"
    if grep -qiE "^${name//-/[-_.]}([^a-z0-9._-]|\$)" requirements.in; then
        echo "requirements.in has ${name} already" >&2
        return
    fi
    package::know "${name}"
    [[ "${requirement}" == "${BASH_REMATCH[1]}" ]] || lines="${requirement}"
    echo "${lines}" >>requirements.in
    added+=("${name}")
    grep -q "^${name}==" requirements.txt || upgraded+=(--upgrade-package "${name}")
    [[ -z "${advice}" ]] || echo "${name}: ${advice}" >&2
    [[ -n "${debian}" ]] || return 0
    grep -qE "^${debian}([^a-z0-9.-]|\$)" packages.txt || echo "${debian} # ${name}" >>packages.txt
    echo "${name} needs the Debian package ${debian}: it is in packages.txt, for the image;" \
        "without Docker this machine needs it too" >&2
}

# As the first lines of the two files say.
compile() { # usage: compile OUTPUT INPUT ... [OPTION ...]
    local output="${1}" links=()
    shift
    [[ ! -d wheels ]] || links=(--find-links wheels)
    UV_NATIVE_TLS=true "${uv}" pip compile --quiet --universal --python-version 3.11 \
        "$@" ${links[@]+"${links[@]}"} --output-file "${output}" >/dev/null ||
        die "nothing has changed: repair what is named above, then run this again"
}

# A package without bounds gets that of the version which was tested, as from `uv add`.
bounds::write() {
    local name version
    for name in ${added[@]+"${added[@]}"}; do
        version="$(sed -n "s/^${name}==\([^ ]*\).*/\1/p" requirements.txt | head -n 1)"
        sed "s/^${name}\( ;.*\)\{0,1\}\$/${name}>=${version}\1/" requirements.in >bounded
        mv bounded requirements.in
    done
}

[[ "${1:-}" != -* ]] || usage "$(basename "${0}") [NAME ...]"
files=(requirements.in requirements.txt packages.txt tests/requirements.in tests/requirements.txt)
draft="$(mktemp -d)"
trap 'rm -rf "${draft}"' EXIT
uv::ensure

cd "${root}"
mkdir "${draft}/tests"
for file in "${files[@]}"; do
    cp "${file}" "${draft}/${file}"
done
[[ ! -d wheels ]] || ln -s "${root}/wheels" "${draft}/wheels"
cd "${draft}"
for requirement in "$@"; do
    package::add "${requirement}"
done
compile requirements.txt requirements.in
compile tests/requirements.txt requirements.in tests/requirements.in ${upgraded[@]+"${upgraded[@]}"}
bounds::write
for file in "${files[@]}"; do
    cmp -s "${file}" "${root}/${file}" || cp "${file}" "${root}/${file}"
done
echo "the next run makes the image and the environments with ${added[*]:-what requirements.in names}"
