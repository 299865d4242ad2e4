#!/usr/bin/env bash
# Sends a file to the server of serve-local.sh and prints the predictions.
#
# Usage: local-test/predict.sh payload.csv [content-type]
#   content-type  default: text/csv, or application/json for a file that ends in .json
#   ACCEPT=text/csv  media type of the answer
#   PORT=8081     another port
#
# Example: local-test/predict.sh local-test/payload.csv
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[[ $# -ge 1 && $# -le 2 ]] || usage "$(basename "${0}") payload.csv [content-type]"
payload="${1}"
default="text/csv"
[[ "${payload}" != *.json ]] || default="application/json"
content_type="${2:-${default}}"
[[ -f "${payload}" && -r "${payload}" ]] || die "cannot read the file ${payload}"

answer="$(mktemp)"
trap 'rm -f "${answer}"' EXIT
status="$(curl --silent --output "${answer}" --write-out '%{http_code}' \
    --header "Content-Type: ${content_type}" --header "Accept: ${ACCEPT:-*/*}" \
    --header "Expect:" --data-binary "@${payload}" \
    "http://127.0.0.1:${port}/invocations")" ||
    die "nothing answers on port ${port}: start the server, local-test/serve-local.sh"
if [[ "${status}" != 2* ]]; then
    cat "${answer}" >&2
    echo >&2
    die "the server answered ${status}"
fi
cat "${answer}"
