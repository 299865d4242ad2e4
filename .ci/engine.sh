#!/usr/bin/env bash
# Starts a Docker engine where none answers, from Debian's packages and without systemd.
#
# Usage: .ci/engine.sh LOGFILE (as root)
set -euo pipefail

log="${1:?a file for the log of the engine}"
if docker info >/dev/null 2>&1; then
    exit 0
fi
install() {
    apt-get install --yes --quiet --quiet --no-install-recommends "$@" >/dev/null
}
command -v dockerd >/dev/null || install docker.io iptables
command -v docker >/dev/null || install docker-cli # a package of its own since trixie
# An engine that was killed leaves its number behind, which may be another process's now.
pgrep --exact dockerd >/dev/null || rm -f /var/run/docker.pid
pgrep --exact containerd >/dev/null || rm -f /var/run/docker/containerd/containerd.pid
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
