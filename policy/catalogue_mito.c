#include "policy/catalogue_tables.h"

#include "policy/catalogue.h"

static const struct clause CLAUSES[] = {
        {"mito-2026:0-rev", "META", "O", "改正履歴"},
        {"mito-2026:1", "PUR", "O", "目的"},
        {"mito-2026:2-1", "DEF", "O", "情報システム"},
        {"mito-2026:2-2", "DEF-ASSET", "O", "情報資産(学校・議会管理を除く)"},
        {"mito-2026:2-3", "DEF", "O", "情報セキュリティ"},
        {"mito-2026:2-4", "DEF", "O", "情報セキュリティポリシー"},
        {"mito-2026:2-5", "DEF", "O", "機密性"},
        {"mito-2026:2-6", "DEF", "O", "完全性"},
        {"mito-2026:2-7", "DEF", "O", "可用性"},
        {"mito-2026:2-8", "DEF-T1", "O", "マイナンバー利用事務系"},
        {"mito-2026:2-9", "DEF", "O", "LGWAN接続系"},
        {"mito-2026:2-10", "DEF", "O", "インターネット接続系"},
        {"mito-2026:2-11", "DEF", "O", "通信経路の分割"},
        {"mito-2026:2-12", "DEF-SANIT", "O", "無害化通信"},
        {"mito-2026:3-1-a", "THR-INT", "ED", "人(サイバー攻撃・盗難・持ち出し)"},
        {"mito-2026:3-1-b", "THR-UNI", "ED", "人(管理不備・無許可ソフト)"},
        {"mito-2026:3-2", "THR-DIS", "D", "災害"},
        {"mito-2026:3-3", "THR-STAFF", "A", "必要資源の不足・故障"},
        {"mito-2026:4-1", "SCP-ORG", "A", "行政機関の範囲"},
        {"mito-2026:4-2", "SCP-PEO", "EA", "職員の範囲(派遣・受託者を含む)"},
        {"mito-2026:5", "DUTY", "DA", "遵守事項(受託者も)"},
        {"mito-2026:6-1", "ORG", "A", "組織体制"},
        {"mito-2026:6-2", "CLS", "EA", "分類及び管理"},
        {"mito-2026:6-3", "T-GEN", "O", "強靱性"},
        {"mito-2026:6-3-a", "T1-ISO", "ED", "原則 他領域と通信不可"},
        {"mito-2026:6-3-a", "T1-NOEXP", "E", "持ち出し不可設定"},
        {"mito-2026:6-3-a", "T1-MFA", "E", "多要素認証"},
        {"mito-2026:6-3-b", "T2", "O", "LGWAN接続系"},
        {"mito-2026:6-3-c", "T3", "O", "インターネット接続系"},
        {"mito-2026:6-4-a", "PHY", "DA", "物理的措置"},
        {"mito-2026:6-4-b", "HUM", "A", "研修"},
        {"mito-2026:6-4-c", "TEC", "ED", "技術的措置"},
        {"mito-2026:6-5", "OPS-MON", "D", "監視"},
        {"mito-2026:6-5", "OPS-CHK", "D", "遵守状況の確認"},
        {"mito-2026:6-5", "OPS-IR", "EA", "緊急時対応計画"},
        {"mito-2026:6-6-a", "OUT-SEC", "EA", "業務委託"},
        {"mito-2026:6-6-b", "OUT-CLD", "O", "クラウド"},
        {"mito-2026:6-6-c", "OUT-SNS", "O", "SNS"},
        {"mito-2026:6-7", "AUD", "DA", "監査及び点検"},
        {"mito-2026:7-1", "AUD", "DA", "監査"},
        {"mito-2026:7-1", "SELF", "DA", "自己点検"},
        {"mito-2026:7-2", "REV", "A", "見直し(前条第5号と引用)"},
        {"mito-2026:8", "STD", "A", "対策基準"},
        {"mito-2026:8", "PROC", "A", "実施手順"},
};

static const struct catalogue CATALOGUE = {
        .body = "mito-2026",
        .clauses = CLAUSES,
        .count = sizeof(CLAUSES) / sizeof(CLAUSES[0]),
};

const struct catalogue *catalogue_mito(void)
{
	return &CATALOGUE;
}
