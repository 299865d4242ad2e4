#!/usr/bin/env bash
# Makes the role that SageMaker acts in, with the rights in policy-role.json.
#
# Usage: deploy/role.sh [--you]
#   --you  makes nothing, and prints policy-you.json for your account: the rights that
#          you, or whoever runs the scripts of this folder, need
#
# The names are those in settings.py. Run it again after a change: rights are replaced.
set -euo pipefail
export AWS_PAGER="" # answers are read here, not paged

here="$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

if [[ $# -gt 1 || "${1:---you}" != "--you" ]]; then
    sed -n '2,/^# The names/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    [[ "${1}" == "--help" ]] || exit 64
    exit
fi

stop() {
    echo "role.sh: ${1}" >&2
    exit 1
}

command -v aws >/dev/null || stop "the AWS CLI is missing. Install it: pip install awscli"
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}"
[[ -n "${region}" ]] || stop "there is no region. Set one: aws configure set region eu-west-1"
export AWS_DEFAULT_REGION="${region}" # version 1 of the CLI does not read AWS_REGION
identity="$(aws sts get-caller-identity --query '[Account, Arn]' --output text)" ||
    stop "AWS does not know you. Log in: aws configure, or aws sso login"
read -r account arn <<<"${identity}"
names="$(cd "${here}" && python3 -c 'import settings as s; print(s.PROJECT, s.ROLE, s.BUCKET)')" ||
    stop "settings.py cannot be read. Repair what is named above."
read -r project role bucket <<<"${names}"
partition="$(cut -d : -f 2 <<<"${arn}")"
role="${role##*/}" # of an ARN, the name

filled() { # filled FILE: prints a policy with the names of this account
    sed -e "s/PARTITION/${partition}/g" -e "s/ACCOUNT/${account}/g" -e "s/REGION/${region}/g" \
        -e "s/BUCKET/${bucket:-sagemaker-${region}-${account}}/g" \
        -e "s/PROJECT/${project}/g" -e "s/ROLE/${role}/g" "${here}/${1}"
}

if [[ "${1:-}" == "--you" ]]; then
    filled policy-you.json
    exit
fi

trust='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "sagemaker.amazonaws.com"}}]}'
if aws iam get-role --role-name "${role}" >/dev/null 2>&1; then
    echo "The role ${role} is there."
else
    aws iam create-role --role-name "${role}" --assume-role-policy-document "${trust}" \
        --tags "Key=project,Value=${project}" >/dev/null
    aws iam wait role-exists --role-name "${role}"
    echo "The role ${role} has been made. Within a minute all of AWS knows it."
fi
rights="$(filled policy-role.json)"
aws iam put-role-policy --role-name "${role}" --policy-name "${project}" --policy-document "${rights}"
echo "It has the rights in policy-role.json. Yours are printed by: deploy/role.sh --you"
echo "Next: ./build_and_push.sh ${project}, then python deploy/train.py"
