#include "core/error.h"

#include "core/language.h"

#include <stddef.h>

struct phrase {
	const char *ja;
	const char *en;
};

static const struct phrase phrases[] = {
        [-ERR_OK] = {"成功", "done"},
        [-ERR_IO] = {"システムが拒否しました", "the system refused"},
        [-ERR_MEMORY] = {"メモリが足りません", "out of memory"},
        [-ERR_FORMAT] = {"形式が正しくありません", "not in the expected format"},
        [-ERR_TOO_LONG] = {"長すぎます", "too long"},
        [-ERR_NOT_FOUND] = {"見つかりません", "not found"},
        [-ERR_EXISTS] = {"既に存在します", "already exists"},
        [-ERR_DENIED] = {"許可されていません", "denied"},
        [-ERR_SIGNATURE] = {"署名を確認できません", "signature not accepted"},
        [-ERR_EXPIRED] = {"期限が切れています", "expired"},
        [-ERR_VERSION] = {"版が古いか未対応です", "version is older or unknown"},
        [-ERR_TIMEOUT] = {"時間切れです", "timed out"},
        [-ERR_CLOSED] = {"相手が接続を終えました", "the peer closed the connection"},
        [-ERR_CRYPTO] = {"暗号処理に失敗しました", "cryptographic operation failed"},
        [-ERR_CHAIN] = {"記録の連鎖が続いていません", "the chain of records does not continue"},
        [-ERR_UNSAFE] = {"ファイルの種類、所有者または権限が安全ではありません",
                "the file's kind, owner or mode is not safe"},
        [-ERR_USAGE] = {"使い方が正しくありません", "wrong usage"},
        [-ERR_SEALED] = {"この端末の鍵では読み取れません", "this terminal's key does not open it"},
};

const char *error_text(int error)
{
	const int count = (int)(sizeof(phrases) / sizeof(phrases[0]));

	if (error > 0 || error <= -count)
		return LANGUAGE("不明な誤りです", "unknown error");
	return LANGUAGE(phrases[-error].ja, phrases[-error].en);
}
