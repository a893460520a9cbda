"""Sentences customers write, by cause and language, and the names they sign with. Data only."""

from __future__ import annotations

OPENINGS = {
    "en": (
        "Hello,",
        "Hi team,",
        "Good morning.",
        "To whom it may concern,",
        "Hi, quick one:",
        "Hello support,",
    ),
    "ja": (
        "お世話になっております。",
        "こんにちは。",
        "いつも利用しています。",
        "ご担当者様",
        "至急確認をお願いします。",
    ),
}

DETAILS = {
    "en": (
        "",
        "This started about two weeks ago.",
        "My whole team sees the same.",
        "I am writing for the second time.",
        "It was fine last month.",
        "We depend on this every day.",
    ),
    "ja": (
        "",
        "二週間ほど前からです。",
        "チーム全員が同じ状況です。",
        "連絡は二度目になります。",
        "先月までは問題ありませんでした。",
        "毎日の業務で使っています。",
    ),
}

CLOSINGS = {
    "en": ("Please advise.", "Thanks.", "Looking forward to your answer.", "Kind regards"),
    "ja": ("ご確認ください。", "よろしくお願いします。", "ご回答をお待ちしています。", "以上です。"),
}

BODIES: dict[str, dict[str, tuple[str, ...]]] = {
    "low_engagement": {
        "en": (
            "How do I get started with reports? We never finished the setup.",
            "We hardly use the product these days; is there a short guide?",
            "I have not logged in for a while and forgot how to invite colleagues.",
            "Where do I find the onboarding checklist?",
            "Most of the team went back to spreadsheets. How can we get them on board again?",
            "Please send fewer newsletters, we rarely have time to read them.",
        ),
        "ja": (
            "レポートの始め方を教えてください。初期設定が途中のままです。",
            "最近ほとんど使えていません。簡単な手引きはありますか。",
            "しばらくログインしておらず、招待の方法を忘れました。",
            "導入チェックリストはどこにありますか。",
            "チームの多くが表計算に戻ってしまいました。どうすれば再び使ってもらえますか。",
            "お知らせメールが多すぎて読めません。減らしてください。",
        ),
    },
    "poor_support": {
        "en": (
            "I am still waiting for an answer to my last ticket.",
            "This is the third time I explain the same problem.",
            "The ticket was closed although nothing was solved.",
            "Your agent passed me on and then nobody called back.",
            "The reply I got did not address my question at all.",
            "Can someone senior please look at this? It has been open for days.",
        ),
        "ja": (
            "前回の問い合わせにまだ回答がありません。",
            "同じ問題を説明するのは三度目です。",
            "解決していないのに問い合わせが終了扱いになりました。",
            "担当者が替わったあと、誰からも連絡がありません。",
            "いただいた回答は質問の答えになっていませんでした。",
            "何日も放置されています。責任者に見ていただけませんか。",
        ),
    },
    "product_quality": {
        "en": (
            "The export page crashes with an error 500.",
            "Saving takes a minute and then shows a timeout.",
            "Since the outage our numbers do not match any more.",
            "The mobile app closes by itself when I open a task.",
            "We see duplicate records after every synchronisation.",
            "The same bug is back that was reported as fixed.",
        ),
        "ja": (
            "エクスポート画面でエラー500が表示されます。",
            "保存に一分ほどかかり、タイムアウトになります。",
            "障害のあと、数値が合わなくなりました。",
            "タスクを開くとモバイルアプリが落ちます。",
            "同期のたびにデータが重複します。",
            "修正済みと聞いていた不具合が再発しています。",
        ),
    },
    "poor_experience": {
        "en": (
            "I am disappointed with how things have been going lately.",
            "One thing after another goes wrong and nobody seems to care.",
            "This is not the experience we were promised.",
            "I want to make a complaint about the last few weeks.",
            "Everything feels harder than it should be, we are frustrated.",
            "We used to recommend you. I could not do that today.",
        ),
        "ja": (
            "最近の対応には失望しています。",
            "問題が続いており、誰も気にしていないように感じます。",
            "約束されていた体験とは違います。",
            "ここ数週間の件について苦情を申し上げます。",
            "何をするにも手間がかかり、不満がたまっています。",
            "以前は人に勧めていましたが、今はできません。",
        ),
    },
    "pricing": {
        "en": (
            "Why did our invoice go up this month?",
            "Our discount ended and the price no longer fits our budget.",
            "We pay for seats that nobody uses. Can we reduce them?",
            "Is there a smaller plan? We use only part of this one.",
            "The price increase is hard to justify to my manager.",
            "Please explain the charge on the last bill.",
        ),
        "ja": (
            "今月の請求額が上がったのはなぜですか。",
            "割引が終わり、予算に合わなくなりました。",
            "使われていない席の分も払っています。減らせますか。",
            "もっと小さいプランはありますか。一部しか使っていません。",
            "値上げを上司に説明するのが難しいです。",
            "前回の請求内容を説明してください。",
        ),
    },
    "missing_personalisation": {
        "en": (
            "The suggestions I get have nothing to do with our work.",
            "Can the dashboard be adapted to our industry?",
            "We need only two screens, the rest is in the way.",
            "The recommended templates do not fit a company like ours.",
            "Is there a way to set this up differently for each team?",
            "All the tips are for a different kind of customer.",
        ),
        "ja": (
            "おすすめの内容が私たちの仕事と関係ありません。",
            "ダッシュボードを業種に合わせて変更できますか。",
            "必要な画面は二つだけで、残りは邪魔です。",
            "推奨テンプレートが当社のような会社に合いません。",
            "チームごとに設定を変える方法はありますか。",
            "案内の内容が別の種類のお客様向けばかりです。",
        ),
    },
    "competition": {
        "en": (
            "How can we export all our data in one go?",
            "We are comparing you with another provider; do you offer the same integration?",
            "A competitor offered us a lower price. Can you match it?",
            "What is the procedure to move our history to another system?",
            "We are testing an alternative at the moment and have a question about formats.",
            "Does your API allow a full migration of all records?",
        ),
        "ja": (
            "全データを一度に出力するにはどうすればよいですか。",
            "他社と比較検討中です。同じ連携機能はありますか。",
            "他社からより安い価格を提示されました。合わせられますか。",
            "履歴を別のシステムに移す手順を教えてください。",
            "現在、別の製品を試しています。形式について質問があります。",
            "APIで全件の移行は可能でしょうか。",
        ),
    },
    "unexpected_change": {
        "en": (
            "Where did the feature go that we used every week?",
            "The new policy came without warning. Can we keep the old terms?",
            "Since the update our workflow no longer works as before.",
            "Why was this removed? We had built our process on it.",
            "The menu changed over night and nobody finds anything.",
            "We were not told about the change in the terms.",
        ),
        "ja": (
            "毎週使っていた機能はどこに行きましたか。",
            "新しい規約は予告なしでした。以前の条件を継続できますか。",
            "更新後、これまでの手順が使えなくなりました。",
            "なぜ廃止されたのですか。業務の前提にしていました。",
            "一晩でメニューが変わり、誰も見つけられません。",
            "規約の変更について知らされていませんでした。",
        ),
    },
    "payment_failure": {
        "en": (
            "My card was declined although it is valid.",
            "How do I change the payment method?",
            "I got a message that the payment failed.",
            "Our card expired, where do I enter the new one?",
        ),
        "ja": (
            "有効なカードなのに決済が拒否されました。",
            "支払い方法を変更するにはどうすればよいですか。",
            "決済に失敗したという通知が届きました。",
            "カードの期限が切れました。新しい番号はどこに入力しますか。",
        ),
    },
    "journey_stage": {
        "en": (
            "Our trial ends soon, what happens with our data?",
            "The project is over, so we do not need it any longer.",
            "When exactly is our renewal date?",
            "We only needed it for one season.",
        ),
        "ja": (
            "試用期間がもうすぐ終わります。データはどうなりますか。",
            "プロジェクトが終わり、必要がなくなりました。",
            "更新日は正確にはいつですか。",
            "一時期だけ必要でした。",
        ),
    },
    "unexplained": {
        "en": (
            "I have a question about our account.",
            "Our needs have changed.",
            "We are reorganising internally.",
            "Please update our address.",
        ),
        "ja": (
            "アカウントについて質問があります。",
            "必要なものが変わりました。",
            "社内で組織変更があります。",
            "住所の変更をお願いします。",
        ),
    },
    "praise": {
        "en": (
            "Works well for us.",
            "The team is happy with it, keep going.",
            "Support was quick and friendly.",
            "Does what it should.",
        ),
        "ja": (
            "とても使いやすいです。",
            "チームも満足しています。",
            "サポートが早くて親切でした。",
            "期待どおりです。",
        ),
    },
}

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
