#!/usr/bin/env bash
# Takes over a newer release of the template, and leaves alone what owned.txt names.
#
# Usage: local-test/upgrade.sh [VERSION] [--base COMMIT]
#   VERSION   the release to take over, such as 1.1.0 (default: the newest)
#   --base    the template's commit that your clone began with, where it was no release
#
# Needs a clean checkout, and the template as a remote of that name:
#   git remote add template https://github.com/OWNER/TEMPLATE
# What has changed between the two releases is merged into your files, as git merges. A
# file that you have deleted stays away. Nothing is committed: git reset --hard undoes it.
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

read_arguments() {
    version="" base=""
    while [[ $# -gt 0 ]]; do
        case "${1}" in
            --base)
                [[ $# -gt 1 ]] || usage "$(basename "${0}") [VERSION] [--base COMMIT]"
                base="${2}"
                shift
                ;;
            -*) usage "$(basename "${0}") [VERSION] [--base COMMIT]" ;;
            *) version="${1#v}" ;;
        esac
        shift
    done
}

# Sets top and prefix: the checkout may be a folder of a larger repository.
check_checkout() {
    top="$(git rev-parse --show-toplevel)" || die "this is no clone: git knows nothing of it"
    prefix="$(git rev-parse --show-prefix)"
    local changes
    changes="$(git status --porcelain -- .)"
    [[ -z "${changes}" ]] ||
        die "commit your changes first, so that git reset --hard can undo an upgrade:"$'\n'"${changes}"
}

# The releases get names of their own, beside your tags.
fetch_releases() {
    git remote get-url template >/dev/null 2>&1 ||
        die "where is the template? git remote add template https://github.com/OWNER/TEMPLATE"
    git fetch --quiet --no-tags template '+refs/tags/v*:refs/template/v*' '+HEAD:refs/template/HEAD' ||
        die "the template cannot be fetched: git remote get-url template says from where"
}

# Sets new, and old: the two commits between which the template has changed.
choose_releases() {
    local mine all
    mine="$(template::version)"
    if [[ -z "${version}" ]]; then
        all="$(git for-each-ref --sort=-version:refname --format='%(refname:lstrip=2)' 'refs/template/v*')"
        version="$(sed -n 's/^v\([0-9]*\.[0-9]*\.[0-9]*\)$/\1/p' <<<"${all}" | head -n 1)"
        [[ -n "${version}" ]] || die "the template has no release yet"
    fi
    new="refs/template/v${version}" old="${base}"
    git rev-parse --quiet --verify "${new}^{commit}" >/dev/null ||
        die "the template has no release ${version}: git ls-remote --tags template lists them"
    if [[ "${version}" == "${mine}" ]]; then
        echo "this is ${mine} already"
        exit 0
    fi
    [[ -n "${old}" ]] || old="$(release_of "${mine}")"
    git rev-parse --quiet --verify "${old}^{commit}" >/dev/null ||
        die "which commit of the template did your clone begin with? ${mine} is no release of it: name the commit, --base COMMIT"
}

# A clone of no release began as a copy, to the byte, of some commit of the template.
release_of() { # usage: release_of VERSION
    local first tree
    if [[ "${1}" != *.dev* ]]; then
        echo "refs/template/v${1}"
        return
    fi
    first="$(git rev-list --max-parents=0 HEAD | tail -n 1)"
    tree="$(git rev-parse "${first}^{tree}")"
    git log --format='%T %H' refs/template/HEAD | sed -n "s/^${tree} //p" | tail -n 1
}

# Prints the files of a release, or of your last commit, in the order of comm.
files_of() { # usage: files_of COMMIT[:FOLDER]
    git -c core.quotePath=false ls-tree -r --name-only --full-tree "${1}" | LC_ALL=C sort
}

# Lists what is left alone: your files, in the lists kept and deleted. What the newer
# release calls yours is yours, and so is what each line names that you have added.
sort_files() {
    local path
    git show "${new}:owned.txt" >"${scratch}/owned" 2>/dev/null || true
    git show "${old}:owned.txt" >"${scratch}/owned.old" 2>/dev/null || true
    grep -vxFf "${scratch}/owned.old" owned.txt >>"${scratch}/owned" || true
    files_of "${old}" >"${scratch}/old"
    files_of "${new}" | LC_ALL=C sort -u - "${scratch}/old" >"${scratch}/all"
    files_of "HEAD:${prefix}" >"${scratch}/here"
    LC_ALL=C comm -23 "${scratch}/old" "${scratch}/here" >"${scratch}/deleted"
    : >"${scratch}/kept"
    while IFS= read -r path; do
        if owned::has "${path}" "${scratch}/owned"; then
            echo "${path}" >>"${scratch}/kept"
        fi
    done <"${scratch}/all"
}

# Prints a commit with a release's files, where they lie here, without those left alone.
commit_of() { # usage: commit_of RELEASE [PARENT]
    local tree
    export GIT_INDEX_FILE="${scratch}/index"
    rm -f "${GIT_INDEX_FILE}"
    git -C "${top}" read-tree ${prefix:+"--prefix=${prefix}"} "${1}"
    sed "s|^|${prefix}|" "${scratch}/kept" "${scratch}/deleted" |
        git -C "${top}" update-index --force-remove --stdin
    tree="$(git write-tree)"
    git -c user.name=template -c user.email=template commit-tree ${2:+-p "${2}"} \
        -m "template ${1#refs/template/}" "${tree}"
}

# Git's merge, from what your clone began with. It follows a file that the template has
# renamed; a folder that it has renamed does not take your own files along.
merge() {
    git -c merge.directoryRenames=false cherry-pick --no-commit "${1}" \
        >"${scratch}/log" 2>&1
}

# What breaks, in the words of the newer CHANGELOG.md down to the release that you had.
show_changes() {
    local mine
    mine="$(git show "${old}:CHANGELOG.md" | sed -n 's/^## \([0-9].*\)/\1/p' | head -n 1)"
    git show "${new}:CHANGELOG.md" | sed -n "/^## ${version}\$/,/^## ${mine:-no such line}\$/p" |
        grep -vxF "## ${mine}" || true
}

show_yours() {
    local changed
    changed="$(git diff --name-only "${old}" "${new}" | grep -xFf "${scratch}/kept" |
        grep -v 'requirements\.txt$' || true)"
    [[ -n "${changed}" ]] || return 0
    echo "yours, and as they were; the template's own have changed as well:"
    while IFS= read -r path; do
        echo "   git diff ${old} ${new} -- ${path}"
    done <<<"${changed}"
}

cd "${root}"
scratch="$(mktemp -d)"
trap 'rm -rf "${scratch}"' EXIT
read_arguments "$@"
check_checkout
fetch_releases
choose_releases
sort_files
before="$(commit_of "${old}")"
after="$(commit_of "${new}" "${before}")"
merged="yes"
merge "${after}" || merged="no"
show_changes
show_yours
conflicts="$(git diff --name-only --relative --diff-filter=U)"
if [[ -n "${conflicts}" ]]; then
    echo "you have changed these files of the template as well: choose between the lines"
    echo "that git has marked, and git add each file; git reset --hard undoes it all"
    echo "${conflicts}"
elif [[ "${merged}" == no ]]; then
    cat "${scratch}/log" >&2
    die "git could not merge, for the reason above: git reset --hard, then try again"
fi
cat <<END
next:
   local-test/add-package.sh    # compiles the requirements, where they have changed
   tests/run.sh                 # and local-test/serve-local.sh --model model.tar.gz
   git commit --all --message "Template ${version}"
END
[[ -z "${conflicts}" ]]
