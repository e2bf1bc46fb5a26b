#include "policy/catalogue_tables.h"

#include "policy/catalogue.h"

static const struct clause CLAUSES[] = {
        {"toride-2026:0-rev", "META", "O", "策定"},
        {"toride-2026:1", "PUR", "O", "目的"},
        {"toride-2026:2-1", "DEF", "O", "ネットワーク"},
        {"toride-2026:2-2", "DEF", "O", "情報システム"},
        {"toride-2026:2-3", "DEF", "O", "情報セキュリティ"},
        {"toride-2026:2-4", "DEF", "O", "情報セキュリティポリシー"},
        {"toride-2026:2-5", "DEF", "O", "機密性"},
        {"toride-2026:2-6", "DEF", "O", "完全性"},
        {"toride-2026:2-7", "DEF", "O", "可用性"},
        {"toride-2026:3-1", "THR-INT", "ED", "意図的要因"},
        {"toride-2026:3-2", "THR-UNI", "ED", "非意図的要因"},
        {"toride-2026:3-3", "THR-DIS", "D", "災害"},
        {"toride-2026:3-4", "THR-STAFF", "A", "疾病"},
        {"toride-2026:3-5", "THR-INFRA", "D", "インフラ"},
        {"toride-2026:4-1-1", "SCP-ORG", "A", "議会"},
        {"toride-2026:4-1-2", "SCP-PEO", "EA", "事務局職員:ネットワーク別に適用"},
        {"toride-2026:4-1-3", "SCP-PEO", "EA", "議員"},
        {"toride-2026:4-2-1", "SCP-AST", "D", "資産1"},
        {"toride-2026:4-2-2", "SCP-AST", "D", "資産2"},
        {"toride-2026:4-2-3", "SCP-AST", "D", "資産3"},
        {"toride-2026:5", "DUTY", "DA", "遵守義務"},
        {"toride-2026:6-1", "ORG", "A", "組織体制(全庁的なし)"},
        {"toride-2026:6-2", "CLS", "EA", "分類と管理"},
        {"toride-2026:6-3", "PHY", "DA", "物理的"},
        {"toride-2026:6-4", "HUM", "A", "人的"},
        {"toride-2026:6-5", "TEC", "ED", "技術的"},
        {"toride-2026:6-6", "OPS-MON", "D", "監視"},
        {"toride-2026:6-6", "OPS-CHK", "D", "遵守状況"},
        {"toride-2026:6-6", "OPS-IR", "EA", "市の緊急時対応計画の例による"},
        {"toride-2026:6-7-p1", "OUT-SEC", "EA", "業務委託"},
        {"toride-2026:6-7-p2", "OUT-CLD", "O", "クラウド"},
        {"toride-2026:6-7-p3", "OUT-SNS", "O", "SNS"},
        {"toride-2026:6-8", "EVAL", "DA", "評価・見直し"},
        {"toride-2026:7", "SELF", "DA", "自己点検(監査なし)"},
        {"toride-2026:8", "REV", "A", "見直し"},
        {"toride-2026:9", "STD", "A", "市の対策基準の例による"},
        {"toride-2026:10", "PROC", "A", "市の実施手順の例による"},
        /* Asked for elsewhere and not here: a report must not show them as if they were. */
        {"toride-2026:none", "T1-ISO", "", "他領域との通信不可"},
        {"toride-2026:none", "T1-NOEXP", "", "持ち出し不可設定"},
        {"toride-2026:none", "T1-MFA", "", "多要素認証"},
        {"toride-2026:none", "AUD", "", "監査"},
};

static const struct catalogue CATALOGUE = {
        .body = "toride-2026",
        .clauses = CLAUSES,
        .count = sizeof(CLAUSES) / sizeof(CLAUSES[0]),
};

const struct catalogue *catalogue_toride(void)
{
	return &CATALOGUE;
}
