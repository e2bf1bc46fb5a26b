#include "policy/catalogue_tables.h"

#include "policy/catalogue.h"

static const struct clause CLAUSES[] = {
        {"hokuto-2025:0-rev", "META", "O", "改訂履歴 第5.0版"},
        {"hokuto-2025:1", "PUR", "O", "目的"},
        {"hokuto-2025:2-1", "DEF", "O", "ネットワーク"},
        {"hokuto-2025:2-2", "DEF", "O", "情報システム"},
        {"hokuto-2025:2-3", "DEF", "O", "情報セキュリティ"},
        {"hokuto-2025:2-4", "DEF", "O", "情報セキュリティポリシー"},
        {"hokuto-2025:2-5", "DEF", "O", "機密性"},
        {"hokuto-2025:2-6", "DEF", "O", "完全性"},
        {"hokuto-2025:2-7", "DEF", "O", "可用性"},
        {"hokuto-2025:2-8", "DEF-T1", "O", "マイナンバー利用事務系"},
        {"hokuto-2025:2-9", "DEF", "O", "LGWAN接続系"},
        {"hokuto-2025:2-10", "DEF", "O", "インターネット接続系"},
        {"hokuto-2025:2-11", "DEF", "O", "通信経路の分割"},
        {"hokuto-2025:2-12", "DEF-SANIT", "O", "無害化通信"},
        {"hokuto-2025:3-1", "THR-INT", "ED", "意図的要因"},
        {"hokuto-2025:3-2", "THR-UNI", "ED", "非意図的要因"},
        {"hokuto-2025:3-3", "THR-DIS", "D", "災害"},
        {"hokuto-2025:3-4", "THR-STAFF", "A", "疾病"},
        {"hokuto-2025:3-5", "THR-INFRA", "D", "インフラ"},
        {"hokuto-2025:4-1", "SCP-ORG", "A", "範囲(学校・病院を除く)"},
        {"hokuto-2025:4-1", "SCP-PEO", "EA", "人の範囲"},
        {"hokuto-2025:4-2-1", "SCP-AST", "D", "資産1"},
        {"hokuto-2025:4-2-2", "SCP-AST", "D", "資産2"},
        {"hokuto-2025:4-2-3", "SCP-AST", "D", "資産3"},
        {"hokuto-2025:5", "DUTY", "DA", "遵守義務"},
        {"hokuto-2025:6-1", "ORG", "A", "組織体制"},
        {"hokuto-2025:6-2", "CLS", "EA", "分類と管理"},
        {"hokuto-2025:6-3", "T-GEN", "O", "強靱性"},
        {"hokuto-2025:6-3-1", "T1-ISO", "ED", "原則 通信不可"},
        {"hokuto-2025:6-3-1", "T1-NOEXP", "E", "持ち出し不可設定"},
        {"hokuto-2025:6-3-1", "T1-MFA", "E", "多要素認証"},
        {"hokuto-2025:6-3-2", "T2", "O", "LGWAN接続系"},
        {"hokuto-2025:6-3-3", "T3", "O", "インターネット接続系"},
        {"hokuto-2025:6-4", "PHY", "DA", "物理的"},
        {"hokuto-2025:6-5", "HUM", "A", "人的"},
        {"hokuto-2025:6-6", "TEC", "ED", "技術的"},
        {"hokuto-2025:6-7", "OPS-MON", "D", "監視"},
        {"hokuto-2025:6-7", "OPS-CHK", "D", "遵守状況の確認"},
        {"hokuto-2025:6-7", "OPS-IR", "EA", "緊急時対応計画"},
        {"hokuto-2025:6-8-p1", "OUT-SEC", "EA", "業務委託"},
        {"hokuto-2025:6-8-p2", "OUT-CLD", "O", "クラウド"},
        {"hokuto-2025:6-8-p3", "OUT-SNS", "O", "SNS"},
        {"hokuto-2025:6-9", "EVAL", "DA", "評価・見直し"},
        {"hokuto-2025:7", "AUD", "DA", "監査"},
        {"hokuto-2025:7", "SELF", "DA", "自己点検"},
        {"hokuto-2025:8", "REV", "A", "見直し"},
        {"hokuto-2025:9", "STD", "A", "対策基準"},
        {"hokuto-2025:10-p1", "PROC", "A", "実施手順"},
        {"hokuto-2025:10-p2", "PROC-SECRET", "E", "実施手順は非公開"},
};

static const struct catalogue CATALOGUE = {
        .body = "hokuto-2025",
        .clauses = CLAUSES,
        .count = sizeof(CLAUSES) / sizeof(CLAUSES[0]),
};

const struct catalogue *catalogue_hokuto(void)
{
	return &CATALOGUE;
}
