#!/usr/bin/env bash
# Does SageMaker take my container? Trains, serves, asks, interrupts and stops it as
# SageMaker does, without AWS. One line a clause, with what to do; status 1 where one fails.
#
# Usage: local-test/check.sh [image] [--program FOLDER] [--test-dir FOLDER] [--docker|--native]
#   image              any image with `train` and `serve`; without it the checkout's is built
#   --program FOLDER   a recipe, whose files are laid over those of model/
#   --test-dir FOLDER  other data: FOLDER/input, as SageMaker mounts it, and FOLDER/payload.csv
#                      (.jsonl, .txt), a row a line. Without it the recipe's own test-dir; and
#                      what that lacks is taken from local-test
#   --docker, --native  force a container, or the environment .venv
#   Nothing in test-dir is written. It takes about a minute.
#
# Example: local-test/check.sh --program examples/script_mode
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

text="$(basename "${0}") [image] [--program FOLDER] [--test-dir FOLDER] [--docker|--native]"
arguments=()
while [[ $# -gt 0 ]]; do
    case "${1}" in
        --program | --test-dir)
            [[ $# -ge 2 ]] || usage "${text}"
            folder="$(folder::absolute "${2}")"
            arguments+=("${1}" "${folder}")
            shift
            ;;
        --docker | --native) mode="${1#--}" ;;
        -*) usage "${text}" ;;
        *) image="${1}" ;;
    esac
    shift
done

[[ -z "${image}" ]] || mode="docker"
mode::choose
if [[ "${mode}" == "docker" ]]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
        die "Python 3.9 or newer is needed on this machine, without packages: install it"
    image::ensure
    exec python3 "${here}/check.py" --image "${image}" ${arguments[@]+"${arguments[@]}"}
fi
native::ensure
exec "${python}" "${here}/check.py" ${arguments[@]+"${arguments[@]}"}
