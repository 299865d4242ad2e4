#!/usr/bin/env bash
# Makes a release of the template: its version, its heading in CHANGELOG.md, its tag.
#
# Usage: .ci/release.sh VERSION (such as 1.1.0, on a clean checkout)
#   Between releases the version is that of the next one with .dev0 behind it, so that no
#   clone takes itself for a release. Nothing is pushed: the last line says how.
set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true

cd "$(dirname "${BASH_SOURCE[0]}")/.."
version="${1:-}"
scratch="$(mktemp)"
trap 'rm -f "${scratch}"' EXIT

die() {
    echo "release.sh: ${1}" >&2
    exit 1
}

rewrite() { # usage: rewrite FILE SED-SCRIPT
    sed "${2}" "${1}" >"${scratch}"
    cat "${scratch}" >"${1}"
}

[[ "${version}" =~ ^([0-9]+)\.([0-9]+)\.[0-9]+$ ]] || die "a version is three numbers, such as 1.1.0"
next="${BASH_REMATCH[1]}.$((BASH_REMATCH[2] + 1)).0.dev0"
changes="$(git status --porcelain)"
[[ -z "${changes}" ]] || die "commit these first:"$'\n'"${changes}"
! git rev-parse --quiet --verify "refs/tags/v${version}" >/dev/null || die "there is a tag v${version} already"
grep -qx '## Unreleased' CHANGELOG.md || die "CHANGELOG.md has no heading '## Unreleased'"

rewrite model/runtime/__init__.py "s/^__version__ = \"[^\"]*\"/__version__ = \"${version}\"/"
rewrite CHANGELOG.md "s/^## Unreleased\$/## ${version}/"
git commit --quiet --all --message "Release ${version}"
git tag --annotate "v${version}" --message "Release ${version}"
rewrite model/runtime/__init__.py "s/^__version__ = \"[^\"]*\"/__version__ = \"${next}\"/"
rewrite CHANGELOG.md "s/^## ${version}\$/## Unreleased\\
\\
## ${version}/"
git commit --quiet --all --message "After ${version}"
echo "git push origin HEAD v${version}"
