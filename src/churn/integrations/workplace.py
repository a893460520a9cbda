"""What a stage that writes a layer works with: the layer held for itself, and an engine with a scratch folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from churn.core.settings import ChurnSettings
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from churn.integrations.layers import source_folder
from churn.integrations.locks import own_layer


@contextmanager
def layer_engine(settings: ChurnSettings, layer: str) -> Iterator[Engine]:
    """Hold a layer of the source (`staged`, `datasets`, `lists`) and open an engine, for the block.

    Raises
    ------
    RunLocked
        When another run is at work on the layer; nothing was done.
    OutputFailed
        When the layer's folder cannot be written.
    """
    scratch = source_folder(settings, "scratch") / layer
    with own_layer(source_folder(settings, layer), scratch), open_engine(settings.engine, scratch) as engine:
        yield engine
