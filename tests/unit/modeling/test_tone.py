from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.modeling.encoding import SCORES, build_encoder, feature_of_output
from churn.modeling.tone import TextTone

PLEASED = ["Great help, thank you", "Works well, very happy", "対応が早くて助かりました", "とても満足しています"]
CROSS = [
    "This is terrible, I am angry",
    "Still broken, very disappointed",
    "対応が遅くて困っています",
    "がっかりしました。ひどいです",
]


def rows(count: int = 40, scale: float = 1.0) -> pd.DataFrame:
    texts = (PLEASED + CROSS) * count
    scores = ([5.0 * scale] * 4 + [1.0 * scale] * 4) * count
    given = pd.DataFrame({"text": texts, "text_csat_mean": scores, "text_nps_mean": np.nan})
    given.loc[::3, "text_csat_mean"] = np.nan
    return given


@pytest.fixture(scope="module")
def tone() -> TextTone:
    return TextTone().fit(rows())


def test_tone_is_learned_from_the_scores_in_either_language(tone):
    found = tone.transform(pd.DataFrame({"text": PLEASED + CROSS}))[:, 0]
    assert found[:4].min() > 0.5 and found[4:].max() < -0.5
    new = tone.transform(
        pd.DataFrame({"text": ["thank you, happy with it", "angry and disappointed", "満足です", "ひどい"]})
    )
    assert (new[[0, 2], 0] > 0).all() and (new[[1, 3], 0] < 0).all()


def test_scores_of_any_scale_give_the_same_tone(tone):
    texts = pd.DataFrame({"text": PLEASED + CROSS})
    np.testing.assert_allclose(TextTone().fit(rows(scale=20)).transform(texts), tone.transform(texts), atol=1e-4)


def test_the_tone_of_a_row_does_not_depend_on_its_own_score(tone):
    given = rows(1)
    np.testing.assert_array_equal(tone.transform(given), tone.transform(given.assign(text_csat_mean=99.0)))


def test_without_scores_without_variety_and_without_texts_every_tone_is_zero(tone):
    texts = pd.DataFrame({"text": [*PLEASED, None]})
    assert tone.transform(texts)[4, 0] == 0.0
    few, same = rows(2), rows().assign(text_csat_mean=3.0)
    for given in (few, same, rows()[["text"]]):
        assert not TextTone().fit(given).transform(texts).any()


@pytest.mark.parametrize("encoding", ["trees", "linear"])
def test_a_text_has_its_tone_as_its_last_output(encoding):
    numbers = list(SCORES)
    given = rows().rename(columns={"text": "said"})
    encoder = build_encoder(encoding, numbers, [], ["said"]).fit(given)
    encoded, owners = np.asarray(encoder.transform(given)), feature_of_output(encoder)
    assert len(owners) == encoded.shape[1] and owners[-1] == "said"
    assert encoded[0, -1] > encoded[4, -1]
