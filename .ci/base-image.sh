#!/usr/bin/env bash
# Makes the base image where no registry can be reached: Debian's trixie with its Python.
#
# Usage: .ci/base-image.sh
#   BASE_IMAGE   name of the image to make (default: that of the Dockerfile)
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
image="${BASE_IMAGE:-$(sed -n 's/^ARG BASE_IMAGE=//p' "${here}/../Dockerfile")}"

if docker image inspect "${image}" >/dev/null 2>&1; then
    exit 0
fi
if docker pull --quiet "${image}" 2>/dev/null; then
    exit 0
fi
echo "no registry answers: ${image} is made from Debian's packages"
root="$(mktemp -d)"
trap 'rm -rf "${root}"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
    trixie "${root}" >"${root}.log" 2>&1 ||
    {
        tail -n 20 "${root}.log" >&2
        exit 1
    }
rm -f "${root}.log"
rm -rf "${root}"/var/cache/apt/archives/*.deb "${root}"/var/lib/apt/lists/*
# Of this machine: the certificates that its way to PyPI needs.
if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
    cp /etc/ssl/certs/ca-certificates.crt "${root}/etc/ssl/certs/ca-certificates.crt"
fi
tar --directory "${root}" --create . | docker import - "${image}" >/dev/null
