from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.modeling.encoding import build_encoder, feature_of_output, text_topics
from churn.modeling.topics import TextTopics, describe_texts

THEMES = {
    "billing": ["The invoice shows a wrong charge", "Invoice and charge differ again", "Why this charge on my invoice"],
    "crash": ["The export crashes with an error", "Crash and error in every export", "Export error since the crash"],
    "請求": ["請求金額が違います。料金を確認したい", "料金と請求金額が合いません", "請求金額と料金の説明を希望"],
}
TEXTS = pd.DataFrame({"text": [text for texts in THEMES.values() for text in texts] * 10 + [None] * 10})


@pytest.fixture(scope="module")
def topics() -> TextTopics:
    return TextTopics(topics=3).fit(TEXTS)


def test_topics_are_named_by_words_of_either_language(topics):
    assert {name.split(", ")[0] for name in topics.name_topics()} <= {
        "invoice", "charge", "export", "error", "crash", "請求金額", "料金",
    }  # fmt: skip
    told = describe_texts(topics, pd.DataFrame({"text": ["my INVOICE", "料金の件", "hello there", None]}))
    assert "invoice" in str(told[0]) and "料金" in str(told[1]) and told[2:] == [None, None]


def test_texts_of_one_theme_share_their_strongest_topic(topics):
    weights = topics.transform(TEXTS[:9])
    assert [len(set(weights[i : i + 3].argmax(axis=1))) for i in (0, 3, 6)] == [1, 1, 1]
    assert len(set(weights.argmax(axis=1))) == 3


def test_what_was_not_written_has_no_topic_and_too_few_texts_have_none(topics):
    assert topics.transform(TEXTS[-10:]).sum() == 0
    few = TextTopics(topics=3).fit(TEXTS[:5])
    assert few.transform(TEXTS).shape == (len(TEXTS), 3) and few.transform(TEXTS).sum() == 0
    assert describe_texts(few, TEXTS[:2]) == [None, None]


@pytest.mark.parametrize("encoding", ["trees", "linear"])
def test_outputs_of_topics_belong_to_their_text(encoding):
    rows = TEXTS.assign(number=np.arange(len(TEXTS), dtype=float), plan="pro")
    encoder = build_encoder(encoding, ["number"], ["plan"], ["text"]).fit(rows)
    owners = feature_of_output(encoder)
    assert len(owners) == encoder.transform(rows).shape[1]
    assert owners.count("text") == TextTopics().topics + 1 and list(text_topics(encoder)) == ["text"]
