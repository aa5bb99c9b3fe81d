"""What `--force` means, and the parameters as steps get them."""

import pytest
from kedro.pipeline import Pipeline, node

from avsc_kedro.errors import InputError
from avsc_kedro.freshness.session import find_forced


def step(name, namespace=None):
    return node(
        lambda: 1, None, name.replace(".", "_") + str(namespace), name=name, namespace=namespace
    )


PIPELINE = Pipeline([step("clips"), step("train", "aud_mel"), step("embed", "aud_mel")])


@pytest.mark.parametrize(
    ("wanted", "forced"),
    [
        ((), set()),
        (("clips",), {"clips"}),
        (("aud_mel.embed",), {"aud_mel.embed"}),
        (("aud_mel",), {"aud_mel.train", "aud_mel.embed"}),
        (("clips", "aud_mel.train"), {"clips", "aud_mel.train"}),
        (("all",), {"clips", "aud_mel.train", "aud_mel.embed"}),
    ],
)
def test_steps_namespaces_and_all(wanted, forced):
    assert find_forced(wanted, PIPELINE) == forced


@pytest.mark.parametrize("wanted", ["aud", "aud_mel.trian", ""])
def test_a_name_of_nothing_is_refused_with_what_there_is(wanted):
    with pytest.raises(InputError, match="There are: aud_mel, clips"):
        find_forced([wanted], PIPELINE)
