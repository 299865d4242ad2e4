#!/usr/bin/env bash
# Puts a CSV file of yours in the place of the sample's data.
#
# Usage: local-test/use-data.sh FILE.csv --target COLUMN
#   Writes the channel `training`, the hyperparameter `target`, and local-test/payload.csv:
#   some rows that are then not in the channel, with a header and without the target.
#   Your file stays as it is. The penguins go; git has them.
#
# Example: local-test/use-data.sh houses.csv --target price
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

text="$(basename "${0}") FILE.csv --target COLUMN"
file="" target=""
while [[ $# -gt 0 ]]; do
    case "${1}" in
        --target)
            [[ $# -ge 2 ]] || usage "${text}"
            target="${2}"
            shift
            ;;
        -*) usage "${text}" ;;
        *) file="${1}" ;;
    esac
    shift
done
[[ -n "${file}" && -n "${target}" ]] || usage "${text}"
[[ -f "${file}" && -r "${file}" ]] || die "cannot read the file ${file}"

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    exec python3 "${here}/use_data.py" "${file}" "${target}"
fi
image::ensure # which has a Python
folder="$(folder::absolute "$(dirname "${file}")")"
arguments=(--rm --volume "${here}:/local-test" --volume "${folder}:/data:ro")
user="$(container::user)"
[[ -z "${user}" ]] || arguments+=("${user}")
exec docker run "${arguments[@]}" "${image}" \
    python3 /local-test/use_data.py "/data/$(basename "${file}")" "${target}"
