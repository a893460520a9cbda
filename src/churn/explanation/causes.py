"""Contributions summed by cause, and the cause that raises a customer's risk most."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from churn.core.contract import CAUSES
from churn.features.catalog import Catalog

UNEXPLAINED = "unexplained"
OFFERS = (
    "product_quality",
    "pricing",
    "competition",
)  # the actions that offer the policy's incentive: a credit, or a price
LEAST_SHARE = 0.2  # of what the profile adds: less would send a team after a trifle


class CauseText(NamedTuple):
    """A cause and the action that fits it, in words."""

    en: str
    ja: str
    action_en: str
    action_ja: str


CAUSE_TEXTS: Mapping[str, CauseText] = MappingProxyType(
    {
        "low_engagement": CauseText(
            "little or falling use", "利用が少ない・減っている",
            "Tailored check-in: offer onboarding help and tips for what similar customers use",
            "個別に連絡し、導入支援や類似顧客の活用例を案内する",
        ),
        "poor_support": CauseText(
            "waiting for support", "サポートへの不満",
            "A senior agent takes over what is still open and asks whether earlier answers helped",
            "未解決の問い合わせは上位担当者が引き継ぎ、解決済みの件も満足しているか確認する",
        ),
        "product_quality": CauseText(
            "things that do not work", "製品品質の問題",
            "Tell them what was fixed, consider a credit, and give their problem priority",
            "修正内容を伝え、補償を検討し、優先的に対応する",
        ),
        "poor_experience": CauseText(
            "a series of bad moments", "体験への不満",
            "A personal call: listen, and close the loop on what they told us",
            "直接電話して話を聞き、寄せられた声への対応を伝える",
        ),
        "pricing": CauseText(
            "price against value", "料金への不満",
            "Right-size the plan, or offer an annual or volume price",
            "適切なプランへの変更、または年契約・数量割引を提案する",
        ),
        "missing_personalisation": CauseText(
            "one size fits all", "個別対応の不足",
            "Send recommendations made for them, by segment",
            "顧客に合わせた提案を送る",
        ),
        "competition": CauseText(
            "looking at alternatives", "他社の検討",
            "Value review and roadmap talk; match an offer only where it pays",
            "導入の成果を一緒に確認して今後の計画を説明し、採算が合う場合に限り条件を合わせる",
        ),
        "unexpected_change": CauseText(
            "something changed under them", "予期しない変更",
            "Explain the change and help with the move",
            "変更内容を説明し、移行を支援する",
        ),
        "payment_failure": CauseText(
            "the payment fails", "支払いの失敗",
            "Ask to update the payment method and set a retry; no discount",
            "支払い方法の更新を依頼し、再請求を設定する（割引はしない）",
        ),
        "journey_stage": CauseText(
            "where they are in their journey", "契約時期の影響",
            "Success review before the next renewal or trial end",
            "次の更新や試用終了の前に、成果を一緒に確認する",
        ),
        UNEXPLAINED: CauseText(
            "customer profile", "顧客の属性",
            "Ordinary contact: nothing we see can be moved directly",
            "通常の連絡（直接改善できる要因は見当たらない）",
        ),
    }
)  # fmt: skip


def sum_by_cause(values: np.ndarray, catalog: Catalog) -> pd.DataFrame:
    """Return contributions summed by cause: shape (rows, causes), every cause of the taxonomy a column."""
    membership = np.zeros((len(catalog.names), len(CAUSES)))
    for position, feature in enumerate(catalog.features):
        membership[position, CAUSES.index(feature.cause)] = 1.0
    return pd.DataFrame(values @ membership, columns=list(CAUSES))


def top_cause(by_cause: pd.DataFrame) -> np.ndarray:
    """Return the cause that raises each row's risk most, shape (rows,).

    `unexplained` where no other cause raises it, or the strongest is small beside what nothing explains.
    """
    explained = by_cause.drop(columns=UNEXPLAINED)
    best = explained.to_numpy().argmax(axis=1)
    strength, rest = explained.to_numpy().max(axis=1), by_cause[UNEXPLAINED].to_numpy()
    carries = (strength > 0) & (strength >= LEAST_SHARE * rest)
    return np.where(carries, np.array(explained.columns)[best], UNEXPLAINED)
