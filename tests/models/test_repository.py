import asyncio
from pathlib import Path

import pytest

from runtime.errors import BadInput, ModelExists, ModelNotFound, UnusableModel
from runtime.models.repository import Repository, folder_of, size_of


def test_one_model_is_a_repository_of_one() -> None:
    models = Repository[str]()
    models.add("", "the model")
    with models.get("") as model:
        assert model == "the model"
    assert models.models() == ["the model"]


def test_only_a_model_that_is_ready_is_found() -> None:
    """H-60, R-09: neither one that is loading nor one that is unloading."""

    async def main() -> None:
        models = Repository[str]()
        entry = await models.begin("a", "/a")
        with pytest.raises(ModelNotFound, match=r"^Model not found: a$"):
            models.get("a")
        assert models.page(9) == ([], "")
        models.add("a", "the model", "/a")
        assert models.page(9) == ([entry], "")
        assert models.retire("a") is entry
        for look in (models.get, models.retire):
            with pytest.raises(ModelNotFound):
                look("a")
        assert models.page(9) == ([], "")

    asyncio.run(main())


def test_a_name_is_taken_from_the_beginning_of_a_load_to_the_end_of_an_unload() -> None:
    """H-60, R-09: who loads meanwhile is refused, or waits for that end."""

    async def main() -> None:
        models = Repository[str]()
        first = await models.begin("a", "/a")
        for _ in range(2):  # loading, then ready
            with pytest.raises(ModelExists, match=r"^Model a is already registered\.$"):
                await models.begin("a", "/b")
            models.add("a", "the model")
        models.retire("a")
        waiting = [asyncio.create_task(models.begin("a", "/b")) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        models.forget(first)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [getattr(r, "url", None) for r in results] == ["/b", None]
        assert isinstance(results[1], ModelExists)

    asyncio.run(main())


def test_a_load_that_has_failed_leaves_nothing() -> None:
    async def main() -> None:
        models = Repository[str]()
        models.forget(await models.begin("a", "/a"))
        await models.begin("a", "/a")

    asyncio.run(main())


def test_an_unload_waits_until_nobody_uses_the_model() -> None:
    async def main() -> None:
        models = Repository[str]()
        models.add("a", "the model")
        with models.get("a"):
            with models.get("a"):
                entry = models.retire("a")
                waiting = asyncio.create_task(entry.unused())
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 5)
        await entry.unused()  # nobody does any more

    asyncio.run(main())


def test_pages_hold_every_model_once_whatever_comes_and_goes() -> None:
    """H-60: a token is the place of a name, also of one that is gone."""
    models = Repository[int]()
    for number in range(10):
        models.add(f"é{number}", number)
    first, token = models.page(4)
    models.forget(models.retire("é3"))
    models.add("a", 10)
    second, token = models.page(4, token)
    third, end = models.page(4, token)
    found = [entry.name for entry in (*first, *second, *third)]
    assert found == [f"é{number}" for number in range(10)]
    assert end == ""
    assert token.isalnum()  # nobody has to encode it


@pytest.mark.parametrize("token", ["x", "é", "ff", "6"])
def test_a_token_that_no_list_has_given_is_refused(token: str) -> None:
    models = Repository[int]()
    models.add("a", 1)
    with pytest.raises(BadInput, match="next_page_token"):
        models.page(1, token)


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    """Give two folders of models, the second of which does not exist."""
    (tmp_path / "models/a/model/more").mkdir(parents=True)
    (tmp_path / "models/a/model/more/file").write_text("12345")
    return [tmp_path / "models", tmp_path / "model"]


def test_the_folder_of_a_model_is_found_and_measured(roots: list[Path]) -> None:
    """H-60: with links that stay below the folder of models."""
    folder = roots[0] / "a/model"
    assert folder_of(str(folder), roots) == folder
    (roots[0] / "b").symlink_to(roots[0] / "a")
    assert folder_of(f"{roots[0]}/b/model", roots) == folder
    (folder / "link").symlink_to(folder / "more/file")
    assert folder_of(str(folder), roots) == folder
    assert size_of(folder) == 10


def test_the_folder_of_all_models_may_be_a_link(tmp_path: Path) -> None:
    """It is mounted: where to is not ours to judge."""
    (tmp_path / "disk/a").mkdir(parents=True)
    (tmp_path / "models").symlink_to(tmp_path / "disk")
    found = folder_of(f"{tmp_path}/models/a", [tmp_path / "models"])
    assert found == tmp_path / "disk/a"


@pytest.mark.parametrize(
    "url",
    ["", "a", "{root}", "{root}/..", "{root}/../models", "/", "/etc", "{root}2/a"],
)
def test_a_url_that_leaves_the_folder_of_models_is_refused(
    roots: list[Path], url: str
) -> None:
    """H-61: whether or not something is there."""
    with pytest.raises(UnusableModel, match="is not below"):
        folder_of(url.format(root=roots[0]), roots)


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../../../.."])
def test_a_link_that_leaves_the_folder_of_models_is_refused(
    roots: list[Path], target: str
) -> None:
    """Of a file or of a folder, wherever it lies."""
    (roots[0] / "a/model/more/link").symlink_to(target)
    with pytest.raises(UnusableModel, match="link that leads out"):
        folder_of(f"{roots[0]}/a/model", roots)


def test_a_link_to_nothing_or_to_itself_is_refused(roots: list[Path]) -> None:
    folder = roots[0] / "a/model"
    (folder / "link").symlink_to(folder / "nothing")
    with pytest.raises(UnusableModel, match="no file"):
        folder_of(str(folder), roots)
    (folder / "link").unlink()
    (folder / "link").symlink_to(folder / "link")
    with pytest.raises(UnusableModel):
        folder_of(str(folder), roots)


def test_a_folder_that_is_missing_is_not_found(roots: list[Path]) -> None:
    for url in (f"{roots[0]}/b", f"{roots[1]}/a", f"{roots[0]}/a/model/more/file"):
        with pytest.raises(ModelNotFound, match="no folder"):
            folder_of(url, roots)
