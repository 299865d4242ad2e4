#!/usr/bin/env bash
# Brings a training job of SageMaker into test-dir, so that train-local.sh repeats it.
#
# Usage: local-test/fetch-job.sh JOB [--rows N]
#   Fetches hyperparameters, channels, the reason of a failure, and the model, by the AWS
#   CLI and with your rights (sagemaker:DescribeTrainingJob, s3:ListBucket, s3:GetObject).
#   --rows N   of each channel the first N objects, and of a text file the first N rows;
#              without it all there is, if that is no more than 1 GB
#   What lay in test-dir, and is not as git has it, is then in test-dir.previous.
#
# Example: local-test/fetch-job.sh my-model-2026-11-29-02-07 --rows 1000
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

text="$(basename "${0}") JOB [--rows N]"
job="" rows=0
while [[ $# -gt 0 ]]; do
    case "${1}" in
        --rows)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || usage "${text}"
            rows="${2}"
            shift
            ;;
        -*) usage "${text}" ;;
        *) job="${1}" ;;
    esac
    shift
done
[[ -n "${job}" ]] || usage "${text}"
for program in aws python3; do
    command -v "${program}" >/dev/null || die "${program} is needed: install it"
done
cli="$(command -v aws)" # a python3 may have another one on its own PATH
exec python3 "${here}/fetch_job.py" "${job}" "${rows}" "${cli}"
