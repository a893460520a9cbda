"""The names customers go by and the notes about them. Data only."""

from __future__ import annotations

FIRST_NAMES = {
    "en": (
        "Alice",
        "Ben",
        "Chloe",
        "Daniel",
        "Emma",
        "Farid",
        "Grace",
        "Hugo",
        "Iris",
        "Jamal",
        "Katie",
        "Liam",
    ),
    "ja": ("陽子", "健太", "美咲", "翔太", "直子", "大輔", "結衣", "拓也", "さくら", "誠", "由美", "一郎"),
}
LAST_NAMES = {
    "en": (
        "Smith",
        "O'Brien",
        "Müller",
        "Garcia",
        "Novak",
        "Brown",
        "Singh",
        "Dubois",
        "Rossi",
        "Clark",
        "Young",
    ),
    "ja": ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田"),
}
NOTES = (
    "",
    "",
    "",
    "met at the fair",
    "prefers phone",
    "VIP?",
    "二度目の契約",
    "see old CRM",
    "asks for invoice by post",
)
