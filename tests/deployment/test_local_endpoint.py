"""deploy/endpoint.py --local: the image runs and answers, in the SDK's local mode."""

import pytest

from clients.local_mode import swept
from deployment.aws import Owner


@pytest.mark.sample
@pytest.mark.penguins
def test_the_image_answers_on_a_local_endpoint(owner: Owner, image: str) -> None:
    settings = owner.home / "deploy/settings.py"
    settings.write_text(settings.read_text().replace("sagemaker-model:local", image))
    with swept(owner.home, image):
        trained = owner.deploy("train.py", "--local", "n_estimators=5")
        assert trained.status == 0, trained.log
        ran = owner.deploy("endpoint.py", "--local")
        assert ran.status == 0, ran.log
        assert ran.calls == []
        assert ran.hosts == []
        answers = [line for line in ran.log.splitlines() if line in SPECIES]
        assert len(answers) == 12
        assert answers[0] == "Adelie"
        assert ran.log.endswith("then python deploy/train.py\n")


SPECIES = ("Adelie", "Chinstrap", "Gentoo")
