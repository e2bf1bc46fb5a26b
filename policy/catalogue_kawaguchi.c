#include "policy/catalogue_tables.h"

#include "policy/catalogue.h"

static const struct clause CLAUSES[] = {
        {"kawaguchi-nd:1", "PUR", "O", "目的(対象資産)"},
        {"kawaguchi-nd:2-1", "DEF", "O", "コンピュータ"},
        {"kawaguchi-nd:2-2", "DEF", "O", "ネットワーク"},
        {"kawaguchi-nd:2-3", "DEF", "O", "情報システム"},
        {"kawaguchi-nd:2-4", "DEF-ASSET", "O", "情報資産=情報のみ"},
        {"kawaguchi-nd:2-5", "DEF", "O", "情報セキュリティ"},
        {"kawaguchi-nd:2-6", "DEF", "O", "情報セキュリティポリシー"},
        {"kawaguchi-nd:2-7", "DEF", "O", "機密性"},
        {"kawaguchi-nd:2-8", "DEF", "O", "完全性(拡張)"},
        {"kawaguchi-nd:2-9", "DEF", "O", "可用性"},
        {"kawaguchi-nd:2-10", "DEF-T1", "O", "個人番号利用事務系"},
        {"kawaguchi-nd:2-11", "DEF", "O", "LGWAN接続系"},
        {"kawaguchi-nd:2-12", "DEF", "O", "インターネット接続系"},
        {"kawaguchi-nd:2-13", "DEF", "O", "通信経路の分割"},
        {"kawaguchi-nd:2-14", "DEF-SANIT", "O", "無害化通信(ファイル無害化)"},
        {"kawaguchi-nd:3-1", "THR-INT", "ED", "人(故意)"},
        {"kawaguchi-nd:3-2", "THR-UNI", "ED", "人(過失)"},
        {"kawaguchi-nd:3-3", "THR-DIS", "D", "災害"},
        {"kawaguchi-nd:3-4", "THR-STAFF", "A", "必要資源"},
        {"kawaguchi-nd:4", "SCP-AST", "D", "範囲"},
        {"kawaguchi-nd:4", "SCP-PEO", "EA", "人の範囲(派遣・委託)"},
        {"kawaguchi-nd:5", "DUTY", "DA", "遵守義務(前条に規定する者)"},
        {"kawaguchi-nd:6-1", "ORG", "A", "組織体制"},
        {"kawaguchi-nd:6-2", "CLS", "EA", "分類と管理"},
        {"kawaguchi-nd:6-3", "T-GEN", "O", "強靱性"},
        {"kawaguchi-nd:6-3-a", "T1-ISO", "ED", "他領域との通信不可(原則なし)"},
        {"kawaguchi-nd:6-3-a", "T1-NOEXP", "E", "持ち出し不可設定"},
        {"kawaguchi-nd:6-3-a", "T1-MFA", "E", "多要素認証"},
        {"kawaguchi-nd:6-3-b", "T2", "O", "LGWAN接続系"},
        {"kawaguchi-nd:6-3-c", "T3", "O", "インターネット接続系"},
        {"kawaguchi-nd:6-4", "PHY", "DA", "物理的"},
        {"kawaguchi-nd:6-5", "HUM", "A", "人的"},
        {"kawaguchi-nd:6-6", "TEC", "ED", "技術的"},
        {"kawaguchi-nd:6-7", "OPS-MON", "D", "監視"},
        {"kawaguchi-nd:6-7", "OPS-CHK", "D", "遵守状況"},
        {"kawaguchi-nd:6-7", "OPS-IR", "EA", "緊急時対応計画"},
        {"kawaguchi-nd:6-8-p1", "OUT-SEC", "EA", "業務委託"},
        {"kawaguchi-nd:6-8-p2", "OUT-CLD", "O", "外部サービス"},
        {"kawaguchi-nd:6-8-p3", "OUT-SNS", "O", "SNS"},
        {"kawaguchi-nd:6-9", "EVAL", "DA", "評価・見直し"},
        {"kawaguchi-nd:7", "AUD", "DA", "監査"},
        {"kawaguchi-nd:7", "SELF", "DA", "自己点検"},
        {"kawaguchi-nd:8", "REV", "A", "見直し(定期的)"},
        {"kawaguchi-nd:9", "STD", "A", "対策基準"},
        {"kawaguchi-nd:10-p1", "PROC", "A", "実施手順"},
        {"kawaguchi-nd:10-p2", "PROC-SECRET", "E", "情報公開条例7条該当は非公開"},
        {"kawaguchi-nd:11", "DISC", "A", "懲戒処分"},
};

static const struct catalogue CATALOGUE = {
        .body = "kawaguchi-nd",
        .clauses = CLAUSES,
        .count = sizeof(CLAUSES) / sizeof(CLAUSES[0]),
};

const struct catalogue *catalogue_kawaguchi(void)
{
	return &CATALOGUE;
}
