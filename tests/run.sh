#!/usr/bin/env bash
# Runs every check: ruff, mypy, import-linter, shellcheck, shfmt, hadolint, jactionlint,
# then pytest.
#
# Usage: tests/run.sh [mine] [pytest arguments]
#   mine   only what is yours by owned.txt: model/train, model/predictor.py, the modules
#          beside them, and tests/sample. There style is advice; what cannot run fails.
#   Makes the environment .venv-tests first. What needs the image is skipped, with one
#   line, where no Docker engine answers; --no-skips makes that a failure.
#
# Example: tests/run.sh -k formats
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../local-test/common.sh"

cd "${root}"
pinned="$(sed -n 's/==.*//p' requirements.txt)"
for name in ${pinned}; do
    grep -q "^${name}==" tests/requirements.txt ||
        die "the tests lack ${name}, which the image has: run local-test/add-package.sh, without a name"
done
native::ensure "${root}/.venv-tests" "${root}/tests/requirements.txt"
PATH="${root}/.venv-tests/bin:${PATH}"

yours=()
for path in model/* tests/*; do
    case "${path}" in
        */__pycache__) continue ;;
        model/train | *.py) ;;
        *) [[ -d "${path}" ]] || continue ;;
    esac
    if owned::has "${path}"; then yours+=("${path}"); fi
done
gently=(ruff check --quiet --isolated --target-version py313 --ignore I001)
"${gently[@]}" --select E9,F63,F7,F82 "${yours[@]}" ||
    die "your files cannot run: repair what is named above"
advice="$("${gently[@]}" --exit-zero --output-format concise "${yours[@]}")"
[[ -z "${advice}" ]] || echo "advice for your files, which stops nothing:"$'\n'"${advice}"
if [[ "${1:-}" == mine ]]; then
    shift
    exec python -m pytest --numprocesses 2 tests/sample "$@"
fi

examples=(examples/*/train examples/*/*.py)
theirs="$(IFS=, && echo "${yours[*]},${examples[*]}")"
scripts=(build_and_push.sh deploy/*.sh local-test/*.sh model/entrypoint tests/run.sh .ci/*.sh .ci/run)

ruff format --check --quiet --exclude "${theirs}" . ||
    die "not formatted; run: .venv-tests/bin/ruff format ."
ruff check --quiet --extend-exclude "${theirs}" .
"${gently[@]}" "${examples[@]}"
mypy
(cd deploy && mypy --config-file ../pyproject.toml .) # its train.py is not the model's
walls="$(PYTHONPATH=model lint-imports --no-cache)" || die "${walls}"
shellcheck "${scripts[@]}"
shfmt --indent 4 --case-indent --diff "${scripts[@]}"
hadolint Dockerfile
jactionlint .github/workflows/*.yml
exec python -m pytest "$@"
