"""The simulated company as fixtures, shared with the tests of the stages."""

from tests.pipelines.conftest import demo, own_demo

__all__ = ["demo", "own_demo"]
