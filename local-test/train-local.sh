#!/usr/bin/env bash
# Trains as a SageMaker training job does, on local-test/test-dir.
#
# Usage: local-test/train-local.sh [image] [--data FOLDER] [--docker|--native]
#   image          use this image as it is; without it the image is built first
#   --data FOLDER  read the channel `training` from there instead of from the checkout
#   --docker, --native  force a container, or the environment .venv
#
# Example: local-test/train-local.sh --data ~/penguins
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=""
while [[ $# -gt 0 ]]; do
    case "${1}" in
        --data)
            [[ $# -ge 2 ]] || usage "$(basename "${0}") --data FOLDER"
            data="$(folder::absolute "${2}")"
            shift
            ;;
        --docker | --native) mode="${1#--}" ;;
        -*) usage "$(basename "${0}") [image] [--data FOLDER] [--docker|--native]" ;;
        *) image="${1}" ;;
    esac
    shift
done

train::docker() {
    image::ensure
    local arguments=(--rm --volume "${test_dir}:/opt/ml") user
    user="$(container::user)"
    [[ -z "${user}" ]] || arguments+=("${user}")
    [[ -z "${data}" ]] || arguments+=(--volume "${data}:/opt/ml/input/data/training:ro")
    child::run docker run "${arguments[@]}" "${image}" train
}

train::native() {
    native::ensure
    local base="${test_dir}"
    if [[ -n "${data}" ]]; then
        base="$(mktemp -d)"
        # shellcheck disable=SC2064 # the folder of now
        trap "rm -rf '${base}'" EXIT
        mkdir -p "${base}/input/data"
        ln -s "${data}" "${base}/input/data/training"
        ln -s "${test_dir}/input/config" "${base}/input/config"
        ln -s "${test_dir}/model" "${base}/model"
        ln -s "${test_dir}/output" "${base}/output"
    fi
    export SAGEMAKER_BASE_DIR="${base}"
    export PYTHONPATH="${root}/model${PYTHONPATH:+:${PYTHONPATH}}"
    child::run "${python}" -P -m runtime.training # as model/entrypoint does
}

# A job that fails leaves no model (T-42). Here the one before it is kept until one is there.
previous="${test_dir}/model.previous"
model::keep() {
    local files
    files="$(ls "${test_dir}/model")"
    [[ -n "${files}" ]] || return 0
    rm -rf "${previous}"
    cp -R "${test_dir}/model" "${previous}"
}

mkdir -p "${test_dir}/model" "${test_dir}/output" # else the engine makes them, as root
mode::choose
model::keep
if ! "train::${mode}"; then
    kept=""
    [[ ! -d "${previous}" ]] || kept="; the model before it is in ${previous#"${PWD}/"}"
    [[ -z "${stopped}" ]] || die "stopped; there is no model${kept}" 130
    die "training failed; the reason is above${kept}"
fi
rm -rf "${previous}"
report="${test_dir}/output/data/report.html"
[[ ! -f "${report}" ]] || echo "how good it is: ${report#"${PWD}/"}"
