#!/usr/bin/env bash
# Serves a model as a SageMaker endpoint does, on http://localhost:8080, until Ctrl-C.
#
# Usage: local-test/serve-local.sh [image] [--model FOLDER|FILE] [--docker|--native]
#        local-test/serve-local.sh [image] --multi-model FOLDER [--docker|--native]
#   image          use this image as it is; without it the image is built first
#   --model        another model than local-test/test-dir/model: a folder, packed as
#                  model.tar.gz, or one file, such as model.joblib or model.pkl
#   --multi-model  a multi-model endpoint; each folder in FOLDER is a model to load
#   --docker, --native  force a container, or the environment .venv
#   PORT=8081      another port; variables of the server (docs/reference.md#settings) are passed on
#   Says `serving on http://localhost:8080` once /ping answers 200, and not before.
#
# Example: local-test/serve-local.sh --model ~/Downloads/model.tar.gz
# shellcheck source=local-test/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

model="${test_dir}/model"
models="" # the folder of many
while [[ $# -gt 0 ]]; do
    case "${1}" in
        --model)
            [[ $# -ge 2 ]] || usage "$(basename "${0}") --model FOLDER|FILE"
            model="${2}"
            shift
            ;;
        --multi-model)
            [[ $# -ge 2 ]] || usage "$(basename "${0}") --multi-model FOLDER"
            models="${2}"
            shift
            ;;
        --docker | --native) mode="${1#--}" ;;
        -*) usage "$(basename "${0}") [image] [--model FOLDER|FILE] [--docker|--native]" ;;
        *) image="${1}" ;;
    esac
    shift
done

# Puts the model into `base`, as SageMaker has unpacked it before the container starts.
model::mount() {
    if [[ -f "${model}" ]]; then
        mkdir "${base}/model"
        case "${model}" in
            *.joblib | *.pkl | *.pickle) cp "${model}" "${base}/model" ;;
            *)
                tar -xzf "${model}" -C "${base}/model" 2>/dev/null ||
                    die "${model} is no model: give a folder, a .tar.gz, a .joblib or a .pkl"
                ;;
        esac
        model="${base}/model"
    else
        [[ -e "${model}" ]] || [[ "${model}" == "${test_dir}/model" ]] ||
            die "there is no file or folder ${model}"
        [[ "${model}" != "${test_dir}/model" ]] || mkdir -p "${model}"
        model="$(folder::absolute "${model}")"
        ln -s "${model}" "${base}/model"
    fi
    local files
    files="$(ls "${model}")"
    [[ -n "${files}" ]] ||
        die "there is no model in ${model}: train one, local-test/train-local.sh"
}

# Puts many models into `base`, and shows how one of them is loaded and asked.
models::mount() {
    local files name url="http://localhost:${port}/models" folder="/opt/ml/models"
    models="$(folder::absolute "${models}")"
    files="$(cd "${models}" && ls -d -- */ 2>/dev/null)" ||
        die "there is no folder in ${models}: each is a model, as train-local.sh leaves it"
    name="${files%%/*}"
    ln -s "${models}" "${base}/models"
    [[ "${mode}" == "docker" ]] || folder="${base}/models"
    echo "when it listens: curl ${url} -d '{\"model_name\": \"${name}\", \"url\": \"${folder}/${name}\"}'" \
        "&& curl ${url}/${name}/invoke -H 'Content-Type: text/csv' --data-binary @local-test/payload.csv" >&2
    export SAGEMAKER_MULTI_MODEL=true
}

# shellcheck disable=SC2329 # called by the name of the mode
serve::docker() {
    image::ensure
    local volume="${model}:/opt/ml/model:ro"
    [[ -z "${models}" ]] || volume="${models}:/opt/ml/models:ro"
    local arguments=(--rm --publish "${port}:8080" --volume "${volume}")
    local user name names
    user="$(container::user)"
    [[ -z "${user}" ]] || arguments+=("${user}")
    names="$(env | sed -n -E 's/^((MODEL|SAGEMAKER)_[A-Z_]*|OMP_NUM_THREADS)=.*/\1/p')"
    for name in ${names}; do
        case "${name}" in
            SAGEMAKER_BASE_DIR | SAGEMAKER_BIND_TO_PORT) ;; # of this machine
            *) arguments+=(--env "${name}") ;;
        esac
    done
    child::run docker run "${arguments[@]}" "${image}" serve
}

# shellcheck disable=SC2329 # called by the name of the mode
serve::native() {
    native::ensure
    export SAGEMAKER_BASE_DIR="${base}" SAGEMAKER_BIND_TO_PORT="${port}"
    child::run "${python}" "${root}/model/serve"
}

serve::announce() {
    until curl --silent --fail --output /dev/null "http://127.0.0.1:${port}/ping" 2>/dev/null; do
        sleep 0.2
    done
    echo "serving on http://localhost:${port}; Ctrl-C stops it" >&2
}

announcer=""
base="$(mktemp -d)"
trap 'rm -rf "${base}"; [[ -z "${announcer}" ]] || kill "${announcer}" 2>/dev/null || true' EXIT

port::require_free
[[ -n "${models}" ]] || model::mount
mode::choose
[[ -z "${models}" ]] || models::mount
status=0
serve::announce &
announcer=$!
"serve::${mode}" || status=$?
[[ -n "${stopped}" ]] || die "the server ended by itself with status ${status}; the reason is above"
