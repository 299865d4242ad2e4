#!/usr/bin/env bash
# Starts a Docker engine where none answers, from Debian's packages and without systemd.
#
# Usage: .ci/engine.sh (as root)
set -euo pipefail

if docker info >/dev/null 2>&1; then
    exit 0
fi
packages=()
command -v dockerd >/dev/null || packages+=(docker.io iptables)
command -v docker >/dev/null || packages+=(docker-cli)
if [[ "${#packages[@]}" -gt 0 ]]; then
    apt-get update --quiet --quiet
    apt-get install --yes --quiet --quiet --no-install-recommends docker.io iptables >/dev/null
fi
log="$(mktemp)"
setsid dockerd >"${log}" 2>&1 </dev/null &
for _ in $(seq 60); do
    if docker info >/dev/null 2>&1; then
        exit 0
    fi
    sleep 1
done
echo "engine.sh: dockerd did not start; its last words:" >&2
tail -n 20 "${log}" >&2
exit 1
