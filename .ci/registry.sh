#!/usr/bin/env bash
# Stands in for Amazon ECR on this machine: registries that answer under ECR's own names.
#
# Usage: .ci/registry.sh start|stop (as root on Debian; needs debootstrap and openssl)
#   Account 123456789012 has one in each of three regions, on 127.0.0.2 to 127.0.0.4 and
#   with one store: eu-west-1 takes pushes, eu-west-2 is read-only, and eu-west-3 knows
#   another user. stop takes away what start has added: lines in /etc/hosts, folders in
#   /etc/docker/certs.d, and /var/tmp/ecr with programs, keys and all that was pushed.
#   buildx is in there for tests/clients/test_ecr.py: docker alone does not find it.
set -euo pipefail
shopt -s inherit_errexit

state="/var/tmp/ecr"
regions=(eu-west-1 eu-west-2 eu-west-3)
mark="# .ci/registry.sh"

host_of() { # usage: host_of REGION
    echo "123456789012.dkr.ecr.${1}.amazonaws.com"
}

start() {
    if answers; then
        return
    fi
    stop
    mkdir --parents "${state}/store"
    unpack docker-registry docker-buildx
    make_certificate
    local hash
    # The password is that of moto's tokens. Perl has bcrypt, the one hash that is taken.
    # shellcheck disable=SC2016 # $2y$ is bcrypt's sign
    hash="$(perl -e 'print crypt("123456789012-auth-token", q($2y$05$) . "a" x 21 . "u")')"
    run_registry eu-west-1 2 AWS false
    run_registry eu-west-2 3 AWS true
    run_registry eu-west-3 4 ANOTHER false
    for _ in $(seq 100); do
        if answers; then
            return
        fi
        sleep 0.1
    done
    echo "registry.sh: a registry does not answer; the last words of all:" >&2
    tail --lines 5 "${state}"/*.log >&2
    exit 1
}

# Without a login the answer of a registry is 401.
answers() {
    local region host status
    for region in "${regions[@]}"; do
        host="$(host_of "${region}")"
        status="$(curl --silent --cacert "/etc/docker/certs.d/${host}/ca.crt" \
            --output /dev/null --write-out '%{http_code}' "https://${host}/v2/")" || return
        [[ "${status}" == 401 ]] || return
    done
}

# Packages of one release wherever this runs, and nothing is installed.
unpack() { # usage: unpack PACKAGE...
    local apt="${state}/apt" mirror package
    mirror="$(sed -n 's/^DEF_MIRROR="\(.*\)"/\1/p' /usr/sbin/debootstrap)"
    mkdir --parents "${apt}"/{lists,cache/archives}/partial
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} trixie main" \
        >"${apt}/sources.list"
    local options=(
        --quiet --quiet
        --option "Dir::Etc::SourceList=${apt}/sources.list"
        --option "Dir::Etc::SourceParts=/dev/null"
        --option "Dir::State::Lists=${apt}/lists"
        --option "Dir::Cache=${apt}/cache"
        --option "APT::Sandbox::User=root"
    )
    apt-get "${options[@]}" update
    (cd "${apt}" && apt-get "${options[@]}" download "$@")
    for package in "${apt}"/*.deb; do
        dpkg-deb --extract "${package}" "${state}"
    done
    rm -rf "${apt}"
}

# One that signs itself, for all names: it is its own authority.
make_certificate() {
    local names="" region host
    for region in "${regions[@]}"; do
        host="$(host_of "${region}")"
        names+=",DNS:${host}"
    done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=stands in for ECR" -addext "subjectAltName=${names#,}" \
        -addext "keyUsage=critical,keyCertSign,digitalSignature" \
        -keyout "${state}/key.pem" -out "${state}/ca.crt" 2>/dev/null
}

run_registry() { # usage: run_registry REGION LAST-BYTE-OF-ADDRESS USER READ-ONLY
    local region="${1}" address="127.0.0.${2}" user="${3}" readonly="${4}" host
    host="$(host_of "${region}")"
    mkdir --parents "/etc/docker/certs.d/${host}"
    cp "${state}/ca.crt" "/etc/docker/certs.d/${host}/ca.crt"
    echo "${address} ${host} ${mark}" >>/etc/hosts
    echo "${user}:${hash}" >"${state}/${region}.htpasswd"
    cat >"${state}/${region}.yml" <<-END
	version: 0.1
	storage:
	  filesystem: {rootdirectory: ${state}/store}
	  maintenance: {readonly: {enabled: ${readonly}}}
	auth:
	  htpasswd: {realm: ecr, path: ${state}/${region}.htpasswd}
	http:
	  addr: ${address}:443
	  tls: {certificate: ${state}/ca.crt, key: ${state}/key.pem}
	END
    setsid "${state}/usr/bin/docker-registry" serve "${state}/${region}.yml" \
        >"${state}/${region}.log" 2>&1 </dev/null &
    echo "$!" >"${state}/${region}.pid"
}

stop() {
    local region host hosts
    for region in "${regions[@]}"; do
        host="$(host_of "${region}")"
        pkill --pidfile "${state}/${region}.pid" --exact docker-registry 2>/dev/null || true
        rm -rf "/etc/docker/certs.d/${host}"
    done
    rmdir /etc/docker/certs.d 2>/dev/null || true
    # Not by a new file: in a container this one is mounted.
    hosts="$(grep --invert-match "${mark}\$" /etc/hosts || true)"
    echo "${hosts}" >/etc/hosts
    rm -rf "${state}"
}

case "${1:-}" in
    start | stop) "${1}" ;;
    *)
        echo "usage: .ci/registry.sh start|stop" >&2
        exit 64
        ;;
esac
