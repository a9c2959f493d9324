"""Pictures to train and to measure on, and runs that nothing disturbed, made once."""

import pytest

from srtheory.training import train

from .runs import ARMS, save_photographs


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return save_photographs(tmp_path_factory.mktemp("training") / "pictures")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, pictures):
    """Return a function: the folder of an arm's run that was left alone."""
    made = {}

    def run(arm):
        if arm not in made:
            made[arm] = tmp_path_factory.mktemp("undisturbed") / arm
            train(ARMS[arm], pictures, made[arm], validation=pictures)
        return made[arm]

    return run
