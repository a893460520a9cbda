from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():  # what shap warns about while it is imported is its own affair
    warnings.simplefilter("ignore")
    import matplotlib.pyplot as plt

    from churn.explanation.plots import plot_causes, plot_contributions

from churn.explanation.causes import sum_by_cause
from churn.explanation.contributions import explain_rows
from tests.unit.modeling.toys import fitted, rows_of


@pytest.fixture
def pictures() -> dict[str, bytes]:
    bundle, rows = fitted("trees"), rows_of(customers=40)
    drawn = {}
    for name, figure in plot_contributions(explain_rows(bundle, rows), rows, bundle.catalog, 5).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=40, metadata={"Software": None})
        drawn[name] = buffer.getvalue()
    return drawn


def test_beeswarm_bar_and_waterfall_are_drawn(pictures: dict[str, bytes]) -> None:
    assert set(pictures) == {"beeswarm", "bar", "waterfall"}
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())


def test_what_was_drawn_is_not_kept_by_pyplot(pictures: dict[str, bytes]) -> None:
    assert pictures and not plt.get_fignums()


def test_a_customers_own_values_are_quoted_in_words() -> None:
    bundle, rows = fitted("trees"), rows_of(customers=40).assign(never_filled=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of a column without any value in shap's beeswarm
        figure = plot_contributions(explain_rows(bundle, rows), rows, bundle.catalog, 10)["waterfall"]
    labels = " ".join(label.get_text() for label in figure.axes[0].get_yticklabels())
    assert "not known = never_filled" in labels and "nan" not in labels
    numbers = [word for word in labels.split() if word.replace(".", "").isdigit() and "." in word]
    assert all(len(number.split(".")[1]) <= 2 for number in numbers)  # as sentences write them, not 98.028
    assert any(f"{plan} = plan" in labels for plan in ("basic", "team", "enterprise"))


def test_axes_speak_of_the_risk() -> None:
    bundle, rows = fitted("trees"), rows_of(customers=20)
    drawn = plot_contributions(explain_rows(bundle, rows), rows, bundle.catalog, 3)
    labels = [drawn[name].axes[0].get_xlabel() for name in ("beeswarm", "bar")]
    assert labels == ["contribution to the risk (log-odds)"] * 2
    assert drawn["waterfall"].axes[0].get_xlabel().startswith("score (log-odds)")
    assert all(figure.axes[0].get_title() and figure.get_suptitle() == "" for figure in drawn.values())


def test_drawing_leaves_the_global_generator_alone() -> None:
    bundle, rows = fitted("trees"), rows_of(customers=20)
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.RandomState(5).random_sample(3)
    plot_contributions(explain_rows(bundle, rows), rows, bundle.catalog, 3)
    assert np.random.random_sample(3) == pytest.approx(expected)  # noqa: NPY002


def test_causes_are_named_in_words_and_only_what_raises_is_counted() -> None:
    bundle, rows = fitted("linear"), rows_of(customers=40)
    by_cause = sum_by_cause(explain_rows(bundle, rows).values, bundle.catalog)
    axes = plot_causes(by_cause).axes[0]
    assert "waiting for support" in [label.get_text() for label in axes.get_yticklabels()]
    assert all(bar.get_width() >= 0 for bar in axes.patches)


def test_a_backend_that_somebody_chose_stays() -> None:
    code = "import matplotlib, churn.explanation.plots; print(matplotlib.get_backend())"
    for chosen, used in (("svg", "svg"), (None, "agg")):
        env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        env |= {"MPLBACKEND": chosen} if chosen else {}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip().casefold() == used
