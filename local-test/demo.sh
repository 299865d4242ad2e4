#!/usr/bin/env bash
# Trains, serves and predicts in one go, in the image that SageMaker would run.
#
# Usage: local-test/demo.sh [image] [--docker|--native]
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

server=""
log="$(mktemp)"
cleanup() {
    [[ -z "${server}" ]] || kill -TERM "${server}" 2>/dev/null || true
    [[ -z "${server}" ]] || wait "${server}" 2>/dev/null || true
    rm -f "${log}"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

step() { # usage: step NUMBER TEXT COMMAND...
    local number="${1}" text="${2}" start="${SECONDS}"
    shift 2
    echo "${number}. ${text}"
    "$@"
    echo "   $((SECONDS - start)) s"
}

prepare() {
    mode::choose
    if [[ "${mode}" == "docker" ]]; then
        image::ensure
    else
        native::ensure
    fi
}

serve() {
    "${here}/serve-local.sh" "${arguments[@]}" >"${log}" 2>&1 &
    server=$!
    until curl --silent --fail --output /dev/null "http://127.0.0.1:${port}/ping"; do
        if ! kill -0 "${server}" 2>/dev/null; then
            server=""
            cat "${log}" >&2
            die "the server did not start; the reason is above"
        fi
        sleep 0.2
    done
}

stop() {
    kill -TERM "${server}"
    if ! wait "${server}"; then
        cat "${log}" >&2
        die "the server did not stop well; its log is above"
    fi
    server=""
}

port::require_free
step 1 "build the image, or the environment .venv" prepare
arguments=("--${mode}")
[[ -z "${image}" ]] || arguments+=("${image}")
step 2 "train" "${here}/train-local.sh" "${arguments[@]}"
step 3 "serve, until /ping answers 200" serve
step 4 "predict local-test/payload.csv" "${here}/predict.sh" "${here}/payload.csv"
step 5 "stop" stop
