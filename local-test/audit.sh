#!/usr/bin/env bash
# Looks for known vulnerabilities in the packages that the image installs.
#
# Usage: local-test/audit.sh [image] [--docker|--native]
#   Python's packages, those of requirements.txt, are asked of https://api.osv.dev
#   (OSV_URL: another service of its kind). Debian's, those in the image, are compared with
#   http://security.debian.org/debian-security (DEBIAN_SECURITY_URL: a mirror of it);
#   --native leaves them out. What you accept for now, why, and until when, stands in
#   accepted-vulnerabilities.toml.
#   Status: 0 nothing is known; 1 something is; 75 not all could be checked.
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

while [[ $# -gt 0 ]]; do
    case "${1}" in
        --docker | --native) mode="${1#--}" ;;
        -*) usage "$(basename "${0}") [image] [--docker|--native]" ;;
        *) image="${1}" ;;
    esac
    shift
done

why="you left it out, by --native" # what stands in the place of an image
if [[ "${mode}" != "native" ]]; then
    if [[ "${mode}" == "docker" || -n "${image}" ]] || docker info >/dev/null 2>&1; then
        image::ensure
    else
        why="no Docker engine answers"
    fi
fi
uv::ensure
exec "${python}" "${here}/audit.py" "${root}" "${uv}" "${image}" "${why}"
