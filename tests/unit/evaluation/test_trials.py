from __future__ import annotations

from churn.evaluation.trials import as_overrides, compare_folds, plot_history, plot_importance


def test_the_comparison_is_paired_by_fold() -> None:
    assert compare_folds([0.6, 0.7], [0.65, 0.69], is_falling=False) == (
        "default 0.6500, tuned 0.6700 (+0.0200 +- 0.0300 over 2 folds, better on 1)"
    )


def test_values_become_words_for_the_command_line() -> None:
    assert as_overrides({"max_depth": None, "leaving__num_leaves": 4}) == (
        "model.estimator.max_depth=null model.estimator.leaving.num_leaves=4"
    )


def test_the_history_shows_every_trial_and_the_best_so_far() -> None:
    axes = plot_history({0: 0.3, 2: 0.4, 3: 0.2}, 0.3, "log_loss", is_falling=True).axes[0]
    trials, best, default = axes.lines
    assert list(trials.get_ydata()) == [0.3, 0.4, 0.2]
    assert list(best.get_ydata()) == [0.3, 0.3, 0.2]
    assert default.get_ydata()[0] == 0.3


def test_the_strongest_parameter_is_on_top() -> None:
    axes = plot_importance({"a": 0.2, "b": 0.8}, "auc").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b"]
