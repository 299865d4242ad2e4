#!/usr/bin/env bash
# Runs every check: ruff, mypy, import-linter, shellcheck, shfmt, hadolint, jactionlint,
# then pytest.
#
# Usage: tests/run.sh [pytest arguments]
#   Makes the environment .venv-tests first. What needs the image is skipped, with one
#   line, where no Docker engine answers; --no-skips makes that a failure.
#
# Example: tests/run.sh -k formats
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../local-test/common.sh"

native::ensure "${root}/.venv-tests" "${root}/tests/requirements.txt"
cd "${root}"
PATH="${root}/.venv-tests/bin:${PATH}"
owners=(model/train examples/*/train) # checked gently
for file in model/*.py examples/*/*.py; do
    [[ "${file}" == model/main.py ]] || owners+=("${file}")
done
theirs="$(IFS=, && echo "${owners[*]}")"
scripts=(build_and_push.sh local-test/*.sh model/entrypoint tests/run.sh .ci/*.sh .ci/run)

ruff format --check --quiet --exclude "${theirs}" . ||
    die "not formatted; run: .venv-tests/bin/ruff format ."
ruff check --quiet --extend-exclude "${theirs}" .
ruff check --quiet --isolated "${owners[@]}"
mypy
walls="$(PYTHONPATH=model lint-imports --no-cache)" || die "${walls}"
shellcheck "${scripts[@]}"
shfmt --indent 4 --case-indent --diff "${scripts[@]}"
hadolint Dockerfile
jactionlint .github/workflows/*.yml
exec python -m pytest "$@"
