#!/usr/bin/env bash
# Builds the image and pushes it to Amazon ECR, in the one form that SageMaker takes.
#
# Usage: ./build_and_push.sh IMAGE-NAME [OPTION ...]
#   --tag TAG            push this tag only (default: the short git commit, and latest)
#   --region REGION      (default: AWS_REGION, AWS_DEFAULT_REGION, or the configured one)
#   --platform PLATFORM  linux/amd64 (default), or linux/arm64 for Graviton
#   --sbom FILE          write the image's packages to FILE: Python's and Debian's, CycloneDX
#   --dry-run            print the commands that would change something, run none of them;
#                        without AWS's credentials <account> and <region> stand for yours
#   --help               print this
#
# With uncommitted changes of what goes into the image (.dockerignore lists it) the tag is
# COMMIT-dirty, and latest stays where it is. Data and settings may change as they like.
# BASE_IMAGE, if set, takes the place of the Dockerfile's base image.
#
# Example: ./build_and_push.sh my-model --region eu-west-1
# shellcheck disable=SC2310 # functions under if or || are one command: set -e has no part in them
set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true # macOS has bash 3.2, which lacks it

export LC_ALL=C     # [a-z] is a to z, and messages are in English
export AWS_PAGER="" # answers are read here, not paged
exec 3>&1 1>&2      # stdout is for the result; what the tools say goes to stderr

here="$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
again="${0} $*" # what to type after a repair

main() {
    read_arguments "$@"
    scratch="$(mktemp -d "${TMPDIR:-/tmp}/build_and_push.XXXXXX")"
    trap 'rm -rf "${scratch}"' EXIT
    check_tools
    check_builder
    find_region
    find_identity
    choose_tag
    ensure_repository
    build_image
    log_in
    push_image
    if [[ "${dry_run}" == no ]]; then verify_manifest; fi
    if [[ -n "${sbom}" ]]; then write_sbom; fi
    if [[ "${latest}" == yes ]]; then move_latest; fi
    if [[ "${dry_run}" == no ]]; then print_address; fi
}

read_arguments() {
    name="" tag="" region="" platform="linux/amd64" sbom="" dry_run="no"
    while [[ $# -gt 0 ]]; do
        case "${1}" in
            --help) print_usage && exit 0 ;;
            --dry-run) dry_run="yes" ;;
            --tag | --region | --platform | --sbom)
                [[ "${2:--}" != -* ]] || misuse "${1} needs a value"
                read_option "${1}" "${2}"
                shift
                ;;
            -*) misuse "there is no option ${1}" ;;
            *)
                [[ -z "${name}" ]] || misuse "one image name, not two: ${name}, ${1}"
                name="${1}"
                check_name
                ;;
        esac
        shift
    done
    [[ -n "${name}" ]] || misuse "the image needs a name"
}

read_option() {
    local option="${1}" value="${2}" tag_rule='^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$'
    case "${option}" in
        --region) region="${value}" ;;
        --sbom)
            [[ -d "$(dirname "${value}")" && ! -d "${value}" ]] ||
                misuse "--sbom names a file in a folder that is there, not ${value}"
            sbom="${value}"
            ;;
        --platform)
            [[ "${value}" == linux/amd64 || "${value}" == linux/arm64 ]] ||
                misuse "--platform is linux/amd64 or linux/arm64, not ${value}"
            platform="${value}"
            ;;
        *)
            [[ "${value}" =~ ${tag_rule} ]] ||
                misuse "a tag is up to 128 letters, digits, _ . - and begins with neither . nor -"
            [[ "${value}" != latest ]] ||
                misuse "latest belongs to clean commits: leave --tag out to push it"
            tag="${value}"
            ;;
    esac
}

# ECR's rule (I-03). In a variable, because bash takes a quoted pattern for plain text.
check_name() {
    local part='[a-z0-9]+([._-][a-z0-9]+)*'
    local rule="^(${part}/)*${part}\$"
    [[ ${#name} -ge 2 && ${#name} -le 256 && "${name}" =~ ${rule} ]] ||
        misuse "an image name is 2 to 256 characters: lower case letters and digits, and single . _ - / between them"
}

# Sets engine: the platform of the Docker engine.
check_tools() {
    command -v docker >/dev/null ||
        fail "docker is missing (macOS: brew install --cask docker)" "sudo apt-get install docker.io"
    command -v aws >/dev/null || [[ "${dry_run}" == yes ]] ||
        fail "the AWS CLI is missing (macOS: brew install awscli)" "sudo apt-get install awscli"
    command -v git >/dev/null ||
        fail "git is missing (macOS: xcode-select --install)" "sudo apt-get install git"
    engine="$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}')" ||
        fail "no Docker engine answers (macOS: open -a Docker)" "sudo systemctl start docker"
}

# Sets builder. The classic one builds for the engine's own platform only.
check_builder() {
    emulator="docker run --privileged --rm tonistiigi/binfmt --install ${platform#linux/}"
    if docker buildx version >/dev/null 2>&1; then
        builder="buildx"
    elif [[ "${engine}" == "${platform}" ]]; then
        builder="classic"
    else
        fail "on ${engine}, an image for ${platform} needs buildx (https://docs.docker.com/go/buildx/) and an emulator" "${emulator}"
    fi
}

# aws configure does not look at the environment (R-11).
find_region() {
    region="${region:-${AWS_REGION:-${AWS_DEFAULT_REGION:-}}}"
    if [[ -z "${region}" ]] && ! region="$(aws configure get region)"; then
        [[ "${dry_run}" == yes ]] ||
            fail "there is no --region, AWS_REGION, AWS_DEFAULT_REGION or configured region" "aws configure set region us-east-1"
        region="<region>"
    fi
}

# Sets partition, registry, and address: the image's name without a tag (I-01).
find_identity() {
    local answer account arn suffix
    if [[ "${region}" == "<region>" ]] ||
        ! answer="$(aws sts get-caller-identity --region "${region}" --query '[Account, Arn]' --output text)"; then
        [[ "${dry_run}" == yes ]] ||
            fail "AWS does not say who you are (with single sign-on: aws sso login)" "aws configure"
        echo "without AWS's credentials: <account> and <region> stand for yours"
        answer="<account> arn:aws:"
        if [[ "${region}" == cn-* ]]; then answer="<account> arn:aws-cn:"; fi
    fi
    read -r account arn <<<"${answer}"
    partition="${arn#arn:}"
    partition="${partition%%:*}"
    case "${partition}" in
        aws | aws-us-gov) suffix="amazonaws.com" ;;
        aws-cn) suffix="amazonaws.com.cn" ;;
        aws-eusc) suffix="amazonaws.eu" ;;
        aws-iso) suffix="c2s.ic.gov" ;;
        aws-iso-b) suffix="sc2s.sgov.gov" ;;
        aws-iso-e) suffix="cloud.adc-e.uk" ;;
        aws-iso-f) suffix="csp.hci.ic.gov" ;;
        *) fail "the DNS suffix of partition '${partition}' is unknown: add it to find_identity" "\"\${EDITOR:-vi}\" ${0}" ;;
    esac
    registry="${account}.dkr.ecr.${region}.${suffix}"
    address="${registry}/${name}"
    # What repairs a missing permission (I-12), but for the last word.
    grant="aws iam attach-role-policy --role-name YOUR-ROLE --policy-arn arn:${partition}:iam::aws:policy/AmazonEC2ContainerRegistry"
}

# Sets revision: the commit that is built, "" if there is none; tag; latest: yes or no;
# version: that of the template.
choose_tag() {
    local changes="" content=(Dockerfile .dockerignore model packages.txt requirements.txt)
    version="$(sed -n 's/^__version__ = "\([^"]*\)".*/\1/p' "${here}/model/runtime/__init__.py")"
    revision="" latest="no"
    # The commit must hold this Dockerfile: the checkout may be that of a folder above.
    if git -C "${here}" rev-parse --verify --quiet HEAD:./Dockerfile >/dev/null; then
        revision="$(git -C "${here}" rev-parse HEAD)"
        changes="$(git -C "${here}" status --porcelain --untracked-files=normal -- "${content[@]}")"
    elif [[ -z "${tag}" ]]; then
        fail "without a git commit that holds the Dockerfile, the image needs a tag" "${again} --tag 0.1.0"
    fi
    if [[ -z "${tag}" ]]; then
        tag="$(git -C "${here}" rev-parse --short HEAD)${changes:+-dirty}"
        if [[ -z "${changes}" ]]; then latest="yes"; fi
    fi
    revision="${revision}${changes:+-dirty}"
}

# Not every failure means "not found": expired credentials and throttling do not (I-03).
ensure_repository() {
    local answer
    if [[ "${registry}" == "<account>"* ]]; then
        create_repository # what a first push does
        return
    fi
    if answer="$(aws ecr describe-repositories --region "${region}" --repository-names "${name}" 2>&1)"; then
        return
    fi
    case "${answer}" in
        *RepositoryNotFoundException*) create_repository ;;
        *) fail "repository ${name} cannot be looked up: ${answer}" "${grant}PowerUser" ;;
    esac
}

create_repository() {
    local answer
    local command=(
        aws ecr create-repository
        --region "${region}"
        --repository-name "${name}"
        --image-scanning-configuration scanOnPush=true
    )
    if ! answer="$(run "${command[@]}" 2>&1)"; then
        # Someone else may have been faster.
        [[ "${answer}" == *RepositoryAlreadyExistsException* ]] ||
            fail "repository ${name} was not created: ${answer}" "${grant}FullAccess"
    fi
}

# The image stays in the engine, where it can be tried, and in the builder's cache.
build_image() {
    local options=(--tag "${address}:${tag}") made
    if [[ "${builder}" == buildx ]]; then options+=(--load); fi
    if [[ "${dry_run}" == no && "${builder}" == buildx ]]; then
        options+=(--metadata-file "${scratch}/image")
    elif [[ "${dry_run}" == no ]]; then
        options+=(--iidfile "${scratch}/image")
    fi
    build "${options[@]}" ||
        fail "the build failed: nothing is pushed. Repair the step above (foreign platform: ${emulator}), then" "${again}"
    if [[ "${dry_run}" == no && "${builder}" == classic ]]; then
        made="$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "${address}:${tag}")"
        [[ "${made}" == "${platform}" ]] ||
            fail "the base image on this machine is for ${made}" "docker pull --platform ${platform} BASE-IMAGE"
    fi
}

# Usage: build OPTION ...
# Attestations are off: they turn an image into an OCI index, which SageMaker refuses (I-08).
build() {
    # The classic builder would leave a container where a step fails.
    local command=(env DOCKER_BUILDKIT=0 docker build --force-rm)
    if [[ "${builder}" == buildx ]]; then
        command=(docker buildx build --platform "${platform}" --provenance=false --sbom=false)
    fi
    command+=(--label "org.opencontainers.image.version=${version}")
    if [[ -n "${revision}" ]]; then
        command+=(--label "org.opencontainers.image.revision=${revision}")
    fi
    if [[ -n "${BASE_IMAGE:-}" ]]; then
        command+=(--build-arg "BASE_IMAGE=${BASE_IMAGE}")
    fi
    run "${command[@]}" "$@" "${here}"
}

log_in() {
    if [[ "${dry_run}" == yes ]]; then
        echo "aws ecr get-login-password --region ${region} | docker login --username AWS --password-stdin ${registry}" >&3
        return
    fi
    aws ecr get-login-password --region "${region}" |
        docker login --username AWS --password-stdin "${registry}" ||
        fail "no login to ${registry}: is an old one in the way (docker logout ${registry}), or a permission missing?" "${grant}PowerUser"
}

push_image() {
    if push 2>&1 | tee "${scratch}/log"; then
        return
    elif grep --quiet --extended-regexp --ignore-case 'immutable|tag.invalid' "${scratch}/log"; then
        accept_the_same_image
    else
        fail "the push failed (layers that arrived are kept): type ${again}, or if a permission is missing" "${grant}PowerUser"
    fi
}

# docker push would send OCI from the containerd image store, so buildx does it (I-09).
push() {
    if [[ "${builder}" == buildx ]]; then
        build --tag "${address}:${tag}" --output type=image,push=true,oci-mediatypes=false
    else
        run docker push "${address}:${tag}"
    fi
}

# A tag that cannot be moved is no failure if it is on this very image already. Builders
# differ in which digest they note: that of the configuration, or of the manifest.
accept_the_same_image() {
    local noted
    noted="$(grep --extended-regexp --only-matching 'sha256:[0-9a-f]{64}' "${scratch}/image")" || noted="no digest"
    read_repository
    grep --fixed-strings --regexp "${noted}" --quiet <<<"${digest} ${manifest}" ||
        fail "tag ${tag} is immutable and on another image, ${address}@${digest}: use that one, or another tag" "${0} ${name} --tag ${tag}-2"
}

# Sets digest, media_type and manifest to what the repository has under the tag. Without
# the media types ECR could answer with a conversion (I-10).
read_repository() {
    local answer tab=$'\t' docker="application/vnd.docker.distribution" oci="application/vnd.oci.image"
    local command=(
        aws ecr batch-get-image
        --region "${region}"
        --repository-name "${name}"
        --image-ids "imageTag=${tag}"
        --accepted-media-types "${docker}".manifest{,.list}.v2+json "${oci}".{manifest,index}.v1+json
        --query 'images[0].[imageId.imageDigest, imageManifestMediaType, imageManifest]'
        --output text
    )
    answer="$("${command[@]}")" ||
        fail "the image cannot be read back" "${grant}PowerUser"
    digest="${answer%%"${tab}"*}" answer="${answer#*"${tab}"}"
    media_type="${answer%%"${tab}"*}" manifest="${answer#*"${tab}"}"
    [[ "${digest}" == sha256:* ]] ||
        fail "the repository has no image ${tag}, although it was pushed" "${again}"
}

verify_manifest() {
    read_repository
    [[ "${media_type}" == application/vnd.docker.distribution.manifest.v2+json ]] ||
        fail "${address}:${tag} is of type ${media_type}, which SageMaker refuses. Type ${again} after" \
            "aws ecr batch-delete-image --region ${region} --repository-name ${name} --image-ids imageTag=${tag} && docker buildx create --driver docker-container --use"
}

# The image itself is asked what is in it: the packages, and the digest that they belong to.
write_sbom() {
    local program="${here}/local-test/sbom.py" command=(
        docker run --rm --interactive --network none --platform "${platform}"
        --entrypoint python3 "${address}:${tag}" - "${address}"
    )
    if [[ "${dry_run}" == yes ]]; then
        echo "${command[*]} \"\$(aws ecr batch-get-image --region ${region} --repository-name ${name} --image-ids imageTag=${tag} --query 'images[0].imageId.imageDigest' --output text)\" <'${program}' >'${sbom}'" >&3
        return
    fi
    if ! "${command[@]}" "${digest}" <"${program}" >"${scratch}/sbom" ||
        ! cat "${scratch}/sbom" >"${sbom}"; then
        fail "${address}:${tag} is pushed, but its packages are not in ${sbom}: repair what is named above, then" "${again}"
    fi
}

# The manifest just verified gets a second name: no second push that could differ.
move_latest() {
    local answer
    local command=(
        aws ecr put-image
        --region "${region}"
        --repository-name "${name}"
        --image-tag latest
    )
    if [[ "${dry_run}" == yes ]]; then
        echo "${command[*]} --image-manifest \"\$(aws ecr batch-get-image --region ${region} --repository-name ${name} --image-ids imageTag=${tag} --query 'images[0].imageManifest' --output text)\"" >&3
    elif ! answer="$("${command[@]}" --image-manifest "${manifest}" --image-digest "${digest}" 2>&1)"; then
        # It may be there already, by an earlier run.
        [[ "${answer}" == *ImageAlreadyExistsException* ]] ||
            fail "${address}:${tag} is pushed, but latest did not move: ${answer}" \
                "aws ecr put-image-tag-mutability --region ${region} --repository-name ${name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=latest"
    fi
}

print_address() {
    echo "${address}:${tag}" >&3
    if [[ "${latest}" == yes ]]; then
        echo "${address}:latest" >&3
        echo "next: python deploy/train.py, with PROJECT = \"${name}\" in deploy/settings.py"
    elif [[ "${tag}" == *-dirty ]]; then
        echo "latest, which the scripts of deploy/ take, stays where it is: commit, then ${again}"
    fi
    cat >&3 <<-END
	${address}@${digest}

	# A tag can move, a digest cannot: name the image by its digest.
	import boto3

	boto3.client("sagemaker", region_name="${region}").create_model(
	    ModelName="YOUR-MODEL",
	    ExecutionRoleArn="arn:${partition}:iam::${registry%%.*}:role/YOUR-ROLE",
	    PrimaryContainer={
	        "Image": "${address}@${digest}",
	        "ModelDataUrl": "s3://YOUR-BUCKET/model.tar.gz",
	    },
	)
	END
}

# Usage: run COMMAND ...; in a dry run the command is printed, so that it can be copied.
run() {
    if [[ "${dry_run}" == yes ]]; then
        local line
        printf -v line '%q ' "$@"
        line="${line//\\</<}"
        echo "${line//\\>/>}" >&3
    else
        "$@"
    fi
}

print_usage() {
    sed -n '2,/^# Example/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&3
}

# Usage: misuse SENTENCE
misuse() {
    local sentence="${1}"
    echo "${0##*/}: ${sentence}" >&2
    echo "    ${0} --help" >&2
    exit 64
}

# Usage: fail REASON REPAIR: the last line is the command that repairs it.
fail() {
    local reason="${1}" repair="${2}"
    echo "${0##*/}: ${reason}" >&2
    echo "    ${repair}" >&2
    exit 1
}

main "$@"
