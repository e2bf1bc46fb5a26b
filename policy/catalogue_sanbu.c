#include "policy/catalogue_tables.h"

#include "policy/catalogue.h"

static const struct clause CLAUSES[] = {
        {"sanbu-2026:0-rev", "META", "O", "策定"},
        {"sanbu-2026:1", "PUR", "O", "目的"},
        {"sanbu-2026:2-1", "DEF", "O", "ネットワーク"},
        {"sanbu-2026:2-2", "DEF", "O", "情報システム"},
        {"sanbu-2026:2-3", "DEF", "O", "情報セキュリティ"},
        {"sanbu-2026:2-4", "DEF", "O", "情報セキュリティポリシー"},
        {"sanbu-2026:2-5", "DEF", "O", "機密性"},
        {"sanbu-2026:2-6", "DEF", "O", "完全性"},
        {"sanbu-2026:2-7", "DEF", "O", "可用性"},
        {"sanbu-2026:2-8", "DEF-T1", "O", "マイナンバー利用事務系"},
        {"sanbu-2026:2-9", "DEF", "O", "LGWAN接続系"},
        {"sanbu-2026:2-10", "DEF", "O", "インターネット接続系"},
        {"sanbu-2026:2-11", "DEF", "O", "通信経路の分割"},
        {"sanbu-2026:2-12", "DEF-SANIT", "O", "無害化通信"},
        {"sanbu-2026:3-1", "THR-INT", "ED", "意図的要因"},
        {"sanbu-2026:3-2", "THR-UNI", "ED", "非意図的要因"},
        {"sanbu-2026:3-3", "THR-DIS", "D", "災害"},
        {"sanbu-2026:3-4", "THR-STAFF", "A", "疾病"},
        {"sanbu-2026:3-5", "THR-INFRA", "D", "インフラ"},
        {"sanbu-2026:4-1", "SCP-ORG", "A", "行政機関の範囲"},
        {"sanbu-2026:5", "SCP-PEO", "EA", "人の範囲"},
        {"sanbu-2026:4-2-1", "SCP-AST", "D", "資産1"},
        {"sanbu-2026:4-2-2", "SCP-AST", "D", "資産2"},
        {"sanbu-2026:4-2-3", "SCP-AST", "D", "資産3"},
        {"sanbu-2026:5", "DUTY", "DA", "遵守義務"},
        {"sanbu-2026:6-1", "ORG", "A", "組織体制"},
        {"sanbu-2026:6-2", "CLS", "EA", "分類と管理"},
        {"sanbu-2026:6-3", "T-GEN", "O", "強靱性"},
        {"sanbu-2026:6-3-1", "T1-ISO", "ED", "原則 通信不可"},
        {"sanbu-2026:6-3-1", "T1-NOEXP", "E", "持ち出し不可設定"},
        {"sanbu-2026:6-3-1", "T1-MFA", "E", "多要素認証"},
        {"sanbu-2026:6-3-2", "T2", "O", "LGWAN接続系"},
        {"sanbu-2026:6-3-3", "T3", "O", "インターネット接続系"},
        {"sanbu-2026:6-4", "PHY", "DA", "物理的"},
        {"sanbu-2026:6-5", "HUM", "A", "人的"},
        {"sanbu-2026:6-6", "TEC", "ED", "技術的"},
        {"sanbu-2026:6-7", "OPS-MON", "D", "監視"},
        {"sanbu-2026:6-7", "OPS-CHK", "D", "遵守状況の確認"},
        {"sanbu-2026:6-7", "OPS-IR", "EA", "緊急時対応計画"},
        {"sanbu-2026:6-8-p1", "OUT-SEC", "EA", "業務委託"},
        {"sanbu-2026:6-8-p2", "OUT-CLD", "O", "クラウド"},
        {"sanbu-2026:6-8-p3", "OUT-SNS", "O", "SNS"},
        {"sanbu-2026:6-9", "EVAL", "DA", "評価・見直し"},
        {"sanbu-2026:7", "AUD", "DA", "監査"},
        {"sanbu-2026:7", "SELF", "DA", "自己点検"},
        {"sanbu-2026:8", "REV", "A", "見直し"},
        {"sanbu-2026:9", "STD", "A", "対策基準"},
        {"sanbu-2026:10-p1", "PROC", "A", "実施手順"},
        {"sanbu-2026:10-p2", "PROC-SECRET", "E", "実施手順は非公開"},
};

static const struct catalogue CATALOGUE = {
        .body = "sanbu-2026",
        .clauses = CLAUSES,
        .count = sizeof(CLAUSES) / sizeof(CLAUSES[0]),
};

const struct catalogue *catalogue_sanbu(void)
{
	return &CATALOGUE;
}
